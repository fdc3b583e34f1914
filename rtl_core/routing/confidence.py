"""Which ticket is surest of an example: from what each ticket says of it, calibrated ticket by ticket.

How sure a ticket is, is the log-odds of its own output or of its likeliest class. Platt's scaling, fitted on validation
examples of all contexts, makes of it the log-odds that an example is the ticket's own, which is what can be compared
between tickets. A temperature, fitted on a ticket's own examples, makes its classes as likely as it says; of what it
says of others' examples it knows nothing, and alone it does not make tickets comparable.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from rtl_core.errors import DataError
from rtl_core.one_thread import one_thread
from rtl_core.routing.calibration import platt, sharpness, temperature
from rtl_core.routing.evidence import Routing, route
from rtl_core.routing.outputs import CLASSES, OWN, check_outputs


@dataclass(frozen=True)
class Confidence:
    """What was fitted for K tickets; plain numbers, to be kept beside them.

    Attributes:
        meaning: ``classes`` or ``own`` (see ``outputs``).
        temperatures: of each ticket's classes; all one where outputs are one-vs-rest.
        slopes, offsets: of each ticket's log-odds that an example is its own.
        sharpness: of all tickets' evidence together.
    """

    meaning: str
    temperatures: tuple[float, ...]
    slopes: tuple[float, ...]
    offsets: tuple[float, ...]
    sharpness: float

    def evidence(self, outputs: Tensor) -> Tensor:
        """For outputs float [N, K, C], each ticket's log-odds that an example is its own, float64 [N, K].

        They are those where own examples and others are alike many. Log-odds, not log-probabilities, are what a batch
        sums: of two tickets that are both nearly sure, the odds alone tell which is surer.

        Raises:
            SettingsError, DataError: the outputs are not of K tickets, or not numbers.
        """
        check_outputs(outputs, self.meaning)
        sure = _log_odds(outputs, self.meaning, torch.tensor(self.temperatures, dtype=torch.float64))
        return sure * sure.new_tensor(self.slopes) + sure.new_tensor(self.offsets)

    @property
    def numbers(self) -> dict[str, Any]:
        """All of it but the meaning, which a ticket file states otherwise; as JSON."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if name != "meaning"
        }

    def route(self, outputs: Tensor, batches: Tensor | None = None) -> Routing:
        """The surest ticket for each example, or for each batch of one context, int64 [M, B]."""
        return route(self.evidence(outputs), self.sharpness, batches)


def fit_confidence(meaning: str, outputs: Tensor, context: Tensor, labels: Tensor | None = None) -> Confidence:
    """Calibrate K tickets on validation examples of all contexts.

    Args:
        meaning: of the outputs, ``classes`` or ``own``.
        outputs: float [N, K, C] of all tickets (see ``comparable``).
        context: of each example, int64 [N].
        labels: the class of each example, int64 [N], where outputs are classes.

    Raises:
        SettingsError: outputs have another shape.
        DataError: a context has no example, or classes come without labels.
    """
    check_outputs(outputs, meaning)
    num_tickets = outputs.shape[1]
    _check_contexts(context, num_tickets)
    temperatures = [1.0] * num_tickets
    with one_thread():  # more of them would wait for one another longer than they compute
        if meaning == CLASSES:
            if labels is None:
                raise DataError("labels: found none; allowed: the class of each validation example")
            temperatures = [_temperature(outputs[context == k, k], labels[context == k]) for k in range(num_tickets)]
        sure = _log_odds(outputs, meaning, torch.tensor(temperatures, dtype=torch.float64))
        slopes, offsets = zip(*(_comparable(sure[:, k], context == k) for k in range(num_tickets)), strict=True)
        of_sharpness_one = Confidence(meaning, tuple(temperatures), slopes, offsets, 1.0)
        return replace(of_sharpness_one, sharpness=sharpness(of_sharpness_one.evidence(outputs), context))


def _check_contexts(context: Tensor, num_tickets: int) -> None:
    seen = context.unique().tolist()
    if seen != list(range(num_tickets)):
        raise DataError(
            f"validation examples: found contexts {', '.join(map(str, seen)) or 'none'}; "
            f"allowed: examples of each of 0 to {num_tickets - 1}"
        )


def _comparable(sure: Tensor, own: Tensor) -> tuple[float, float]:
    """Platt's scaling of one ticket, less the log-odds of being its own before it is asked: a batch would sum these."""
    slope, offset = platt(sure, own)
    return slope, offset - own.double().mean().logit().item()


def _temperature(logits: Tensor, labels: Tensor) -> float:
    """Of one ticket's own examples, logits float [n, C], over the classes that it tells apart."""
    kept = logits.isfinite().all(0).nonzero().squeeze(1)
    if not torch.isin(labels, kept).all():
        raise DataError(
            "labels: found a class that the ticket of its context does not tell apart; allowed: those alone"
        )
    return temperature(logits[:, kept].double(), torch.searchsorted(kept, labels))


def _log_odds(outputs: Tensor, meaning: str, temperatures: Tensor) -> Tensor:
    """How sure each ticket is, float64 [N, K]: the log-odds of its own output, or of its likeliest class."""
    if meaning == OWN:
        return outputs.diagonal(dim1=1, dim2=2).double()
    logits = outputs.double() / temperatures[:, None]
    falling = logits.sort(dim=2, descending=True).values
    return falling[..., 0] - falling[..., 1:].logsumexp(2)
