"""What K tickets say of the same examples, and of which outputs the context can be told."""

from collections.abc import Sequence

import torch
from torch import Tensor

from rtl_core.description.decision import Classes, Decision, OneVsRest
from rtl_core.errors import DataError, SettingsError

CLASSES, OWN = "classes", "own"
"""What outputs may mean: C classes that each ticket tells apart, or, one-vs-rest, in output k of ticket k, that an
example is its own."""


def meaning_of(decision: Decision | None) -> str:
    """``classes`` or ``own``, by what a ticket file says of its outputs.

    How sure a ticket is of a colour, a spectrum or another quantity, its outputs do not say: the error is known only
    beside the target; how large or smooth they are tells of the example, not of the ticket.

    Raises:
        SettingsError: the context cannot be told of such outputs.
    """
    if isinstance(decision, OneVsRest):
        return OWN
    if isinstance(decision, Classes):
        return CLASSES
    kind = decision.kind if decision else "unknown"
    raise SettingsError(
        f"context: found outputs that are {kind}, which do not say how sure a ticket is; allowed where it is to be "
        "told of them: classes, or one context against the rest"
    )


def comparable(decision: Decision | None, outputs: Tensor, contexts: Sequence[str]) -> Tensor:
    """Those of the outputs of K tickets, float [N, K, C], that count by what the file says: as ``Confidence`` takes
    them.

    One-vs-rest they are float [N, K, K]. Of classes, those that a ticket does not tell apart are minus infinity.

    Args:
        decision: what outputs mean.
        outputs: of all tickets, float [N, K, C].
        contexts: names of the tickets' contexts, K.

    Raises:
        SettingsError: the context cannot be told of such outputs.
    """
    meaning_of(decision)
    if isinstance(decision, OneVsRest):
        return outputs[:, :, [decision.outputs[name] for name in contexts]]
    among = decision.among if isinstance(decision, Classes) else {}
    return only_classes(outputs, [torch.tensor(among[name]) for name in contexts]) if among else outputs


def only_classes(outputs: Tensor, classes: Sequence[Tensor]) -> Tensor:
    """Outputs float [N, K, C] where ticket k tells apart ``classes[k]``, int64, alone: minus infinity elsewhere.

    Raises:
        SettingsError: a ticket has fewer than two classes, so that it is always sure.
    """
    kept = outputs.new_full(outputs.shape[1:], -torch.inf)
    for k, own in enumerate(classes):
        if len(own) < 2:
            raise SettingsError(f"classes of ticket {k}: found {len(own)}; allowed: 2 and more, to be told apart")
        kept[k, own] = 0
    return outputs + kept


def check_outputs(outputs: Tensor, meaning: str) -> None:
    """Refuse outputs that are no float [N, K, C] of at least two tickets and two outputs, or not a number.

    Raises:
        SettingsError: the shape is another.
        DataError: an output is not a number.
    """
    shape = list(outputs.shape)
    if outputs.ndim != 3 or min(shape[1:]) < 2 or (meaning == OWN and shape[1] != shape[2]):
        wanted = "[N, K, K]" if meaning == OWN else "[N, K, C]"
        raise SettingsError(f"outputs: found {shape}; allowed: {wanted} of 2 and more tickets and outputs")
    if outputs.isnan().any():
        raise DataError("outputs: found one that is not a number; allowed: numbers")
