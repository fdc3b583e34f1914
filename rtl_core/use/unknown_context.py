"""Which context inputs are of, where it is not named: told from what the tickets of a file say of them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rtl_core.description.about import About
from rtl_core.description.decision import Decision
from rtl_core.errors import SettingsError, TicketFileError
from rtl_core.problems.images.at_a_time import IMAGES
from rtl_core.routing.confidence import Confidence
from rtl_core.routing.evidence import Routing, route
from rtl_core.routing.outputs import comparable, meaning_of
from rtl_core.use.prediction import check_outputs

AUTO = "auto"
"""Stands for the context where it is to be told; one that is really called so is meant itself."""


def confidence_in(about: About | None, name: str) -> Confidence:
    """What the tickets of a file were calibrated by.

    Args:
        about: what the file says.
        name: what messages call the file.

    Raises:
        SettingsError: its outputs do not tell the context, or nothing was fitted.
    """
    meaning = meaning_of(about.decision if about else None)
    assert about is not None
    if about.routing is None:
        raise SettingsError(
            f"context: found {AUTO!r}, but {name} has no numbers to tell it by; allowed: {', '.join(about.contexts)}"
        )
    numbers = about.routing
    return Confidence(meaning, numbers.temperatures, numbers.slopes, numbers.offsets, numbers.sharpness)


def told_contexts(
    decision: Decision,
    contexts: Sequence[str],
    confidence: Confidence,
    values: Tensor,
    outputs_in: Callable[[Tensor, str], Tensor],
    together: bool,
) -> Routing:
    """The surest ticket for each of N inputs; memory is taken up by the outputs of so many as are scored at once.

    Args:
        decision: of the file.
        contexts: of its tickets.
        confidence: of its tickets.
        values: inputs [N, …].
        outputs_in: what the ticket of a context says of some inputs, [n, C].
        together: whether all are of one context.
    """
    parts = []
    for some in values.split(IMAGES):
        outputs = torch.stack([outputs_in(some, name) for name in contexts], dim=1).double()
        check_outputs(decision, outputs[:, 0])
        parts.append(confidence.evidence(comparable(decision, outputs, contexts)))
    evidence = torch.cat(parts)
    if not evidence.isfinite().all():
        raise TicketFileError("the context cannot be told: its evidence is not finite; allowed: names of contexts")
    if not together:
        return route(evidence, confidence.sharpness)
    one = route(evidence, confidence.sharpness, torch.arange(len(values)).unsqueeze(0))
    return Routing(one.choice.expand(len(values)), one.posterior.expand(len(values), -1))
