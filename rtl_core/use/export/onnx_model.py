"""Tickets as an ONNX model: made by torch, run by onnxruntime and compared before anybody has it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from rtl_core.description.architecture import CoordinateNetwork
from rtl_core.errors import RtlError, SettingsError, TicketFileError
from rtl_core.use.export.comparison import BATCHES, MOST, Compared, compared, drawn_inputs
from rtl_core.use.export.cost import Scored, check_truth, score_of
from rtl_core.use.export.exporting import exported_graph
from rtl_core.use.export.libraries import require_libraries
from rtl_core.use.export.metadata import say, told_by
from rtl_core.use.export.smaller import halved, quantised
from rtl_core.use.inputs import checked_inputs
from rtl_core.use.tickets_in_use import TicketsInUse

Smaller = Literal["half", "int8"]
DRAWN = 64
"""Inputs on which smaller weights are compared, where none are given."""


@dataclass(frozen=True)
class Cost:
    """What smaller weights change.

    Attributes:
        float32_bytes: of the same model in float32.
        difference: the largest from torch's predictions (see ``comparison.difference``).
        inputs: number of inputs that were given; 0 where they were drawn.
        torch_score: metric and value of torch's predictions; None where no truth was given.
        score: the same of the model's.
    """

    float32_bytes: int
    difference: float
    inputs: int
    torch_score: Scored | None
    score: Scored | None


@dataclass(frozen=True)
class Exported:
    """An ONNX model.

    Attributes:
        model: its file, whose metadata are JSON: ``contexts``, ``thresholds`` or ``classes``, ``about``.
        contexts: names of the contexts that it serves; its input ``context`` is a place among them.
        difference: the largest from torch's predictions, in float32.
        cost: of smaller weights; None with float32.
    """

    model: bytes
    contexts: tuple[str, ...]
    difference: float
    cost: Cost | None


def to_onnx(
    tickets: TicketsInUse,
    context: str | None = None,
    *,
    smaller: Smaller | None = None,
    inputs: Any = None,
    labels: Any = None,
    into: nn.Module | None = None,
) -> Exported:
    """Tickets as one ONNX graph, with preprocessing and what outputs mean in it, for batches of any size.

    Its inputs are ``inputs`` [N, …], as ``predict`` takes them, and, where it serves several contexts that differ,
    ``context``, int64 [], the number of the context of all. Its output is ``probability`` [N] (that an example is of
    the context), ``probabilities`` [N, C], ``colours`` [N, 3] or ``values`` [N, …].

    Args:
        tickets: that say how they are used.
        context: the only one; without, the graph serves all: the weights of their union once, and their masks.
        smaller: ``half``, weights in float16; ``int8``, onnxruntime's dynamic quantisation, of one context.
        inputs: on which predictions are compared, beside drawn ones.
        labels: the truth about them (see ``cost.score_of``), by which the cost of smaller weights is scored.
        into: a network of the right architecture, where the file does not know it.

    Raises:
        SettingsError: there is no such context, a library is missing, or arguments do not go together.
        DataError: the inputs or labels do not fit.
        TicketFileError: the file does not say how it is used, its network is not allowed or cannot be exported, or the
            graph differs from torch by more than 10⁻⁴.
    """
    require_libraries()
    if smaller not in (None, "half", "int8"):
        raise SettingsError(f"smaller: found {smaller!r}; allowed: half, int8")
    if labels is not None and (inputs is None or smaller is None):
        raise SettingsError("labels: found them alone; allowed: with their inputs, and with smaller weights")
    tickets = _on_cpu(tickets)
    contexts = tickets.contexts if context is None else (context,)
    several = len(contexts) > 1 and tickets.needs_context
    if smaller == "int8" and several and len(tickets.subsets) > 1:
        raise SettingsError(
            "int8: found several contexts; allowed: one (context=…, --context), as onnxruntime quantises weights that "
            "a graph holds as they are, and not those that it unpacks"
        )
    with _naming(tickets):
        given = None if inputs is None else checked_inputs(tickets.usage.preprocessing, inputs)
    truth = None if labels is None else torch.as_tensor(labels)
    if truth is not None and given is not None and set(contexts) <= {*tickets.contexts}:
        check_truth(tickets.usage.decision, contexts, given, truth)
    with _naming(tickets):
        return _exported(tickets, contexts, several, smaller, given, truth, into)


@contextmanager
def _naming(tickets: TicketsInUse) -> Iterator[None]:
    """Let what goes wrong with tickets name their file."""
    try:
        yield
    except RtlError as problem:
        line, name = str(problem), f"{tickets.name}: "
        raise type(problem)(line if line.startswith(name) or f" {name}" in line else name + line) from problem


def _exported(
    tickets: TicketsInUse,
    contexts: Sequence[str],
    several: bool,
    smaller: Smaller | None,
    inputs: Tensor | None,
    truth: Tensor | None,
    into: nn.Module | None,
) -> Exported:
    preprocessing = tickets.usage.preprocessing
    assert tickets.about is not None
    given = [] if inputs is None else [inputs]
    told = told_by(tickets.about, contexts)
    model = exported_graph(tickets, contexts if several else contexts[:1], given[0] if given else None, into)
    say(model, told)
    data = model.SerializeToString()
    drawn = [drawn_inputs(preprocessing, count) for count in BATCHES]
    largest = max(compared(tickets, data, contexts, batch, into).difference for batch in [*drawn, *given])
    if not largest <= MOST:
        raise TicketFileError(f"the graph differs from torch by {largest:.2g}; allowed: up to {MOST:g}")
    exported = Exported(data, tuple(contexts), largest, None)
    if smaller is None:
        return exported
    changed = (halved if smaller == "half" else quantised)(model)
    say(changed, told)
    content = changed.SerializeToString()
    batch = given[0] if given else drawn_inputs(preprocessing, DRAWN)
    said = compared(tickets, content, contexts, batch, into)
    if said.difference == torch.inf:
        raise TicketFileError(f"{smaller}: found predictions that are not finite; allowed: float32, for such weights")
    return replace(exported, model=content, cost=_cost(tickets, said, len(data), len(batch) if given else 0, truth))


def _cost(tickets: TicketsInUse, said: Compared, float32_bytes: int, inputs: int, truth: Tensor | None) -> Cost:
    scores = [score_of(tickets.usage.decision, of_one, truth) for of_one in (said.by_torch, said.by_graph)]
    return Cost(float32_bytes, said.difference, inputs, scores[0], scores[1])


def _on_cpu(tickets: TicketsInUse) -> TicketsInUse:
    """The same, computed where onnxruntime is compared; a network that only trained in bfloat16 is a plain one."""
    about = tickets.about
    if about is not None and isinstance(about.architecture, CoordinateNetwork):
        plain = about.architecture.model_copy(update={"precision": "float32"})
        about = about.model_copy(update={"architecture": plain})
    return replace(tickets, about=about, device="cpu")
