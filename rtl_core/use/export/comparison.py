"""Whether a graph run by onnxruntime says what torch says: on inputs that are given, or drawn."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rtl_core.description.decision import Quantities
from rtl_core.description.preprocessing import Images, Places, Preprocessing, Sound
from rtl_core.errors import TicketFileError, reason_of
from rtl_core.randomness import Stream
from rtl_core.use.prediction import Values
from rtl_core.use.tickets_in_use import TicketsInUse

MOST = 1e-4
"""By how much a graph of float32 may differ from torch: as a share of the largest value (see ``difference``)."""
FULL_SCALE = 1.0
"""Of probabilities, colours and signals: differences are shares of it."""
LEAST_QUANTITY = 1e-6
"""Quantities may be small: differences are shares of the largest, or of this."""
BATCHES = (1, 5)
"""Numbers of examples that it is run on."""
LENGTH, LONGER = 4096, 77
"""Samples of a drawn signal, and how many more for each signal."""


class Compared(NamedTuple):
    """What torch and a graph say of the same inputs, by context, and their largest ``difference``."""

    by_torch: dict[str, Tensor]
    by_graph: dict[str, Tensor]
    difference: float


def compared(
    tickets: TicketsInUse, model: bytes, contexts: Sequence[str], inputs: Tensor, into: nn.Module | None
) -> Compared:
    """Run a graph in each of its contexts.

    Raises:
        TicketFileError: onnxruntime does not run it, or it returns another shape than torch.
    """
    session = Session(model, contexts)
    by_torch = {name: said_by_torch(tickets, inputs, name, into) for name in contexts}
    by_graph = {name: session.run(inputs, name) for name in contexts}
    least = LEAST_QUANTITY if isinstance(tickets.usage.decision, Quantities) else FULL_SCALE
    differences = [difference(by_torch[name], by_graph[name], least) for name in contexts]
    return Compared(by_torch, by_graph, max(differences))


class Session:
    """A graph in onnxruntime, on the CPU, with as many threads as torch has."""

    def __init__(self, model: bytes, contexts: Sequence[str]) -> None:
        """Take in a model, and the contexts that it tells apart by their numbers.

        Raises:
            TicketFileError: onnxruntime does not take it.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = torch.get_num_threads(), 4
        try:
            self._session: Any = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
        except Exception as problem:  # whatever onnxruntime makes of a graph
            raise TicketFileError(f"onnxruntime does not take the graph ({reason_of(problem)[:200]})") from problem
        self._contexts = tuple(contexts)

    def run(self, inputs: Tensor, context: str) -> Tensor:
        """What the graph says of N inputs in one of its contexts, on the CPU.

        Raises:
            TicketFileError: onnxruntime cannot run it.
        """
        given = {"inputs": inputs.numpy()}
        if len(self._session.get_inputs()) > 1:
            given["context"] = torch.tensor(self._contexts.index(context)).numpy()
        try:
            return torch.from_numpy(self._session.run(None, given)[0])
        except Exception as problem:
            raise TicketFileError(f"onnxruntime does not run the graph ({reason_of(problem)[:200]})") from problem


def drawn_inputs(preprocessing: Preprocessing, count: int) -> Tensor:
    """Inputs that fit, [N, …]: images of any values, places, normal numbers; whole numbers that are 0 or 1.

    Signals, from −1 to 1, are the longer the more there are, so that batches differ in length; the second is silent.
    """
    generator = Stream(0).at(draw="inputs of a comparison").generator()
    if isinstance(preprocessing, Images):
        size = (count, preprocessing.channels, preprocessing.height, preprocessing.width)
        return torch.randint(preprocessing.white + 1, size, generator=generator).to(torch.uint8)
    if isinstance(preprocessing, Sound):
        signals = torch.rand(count, LENGTH + LONGER * count, generator=generator) * 2 - 1
        signals[1:2] = 0
        return signals
    if isinstance(preprocessing, Places):
        return torch.rand(count, 2, generator=generator, dtype=torch.float64) * 2 - 1
    if preprocessing.dtype == "float32":
        return torch.randn(count, *preprocessing.shape, generator=generator)
    whole = torch.randint(2, (count, *preprocessing.shape), generator=generator)
    return whole.to(getattr(torch, preprocessing.dtype))


def said_by_torch(tickets: TicketsInUse, inputs: Tensor, context: str, into: nn.Module | None) -> Tensor:
    """What the graph is to say of N inputs."""
    predicted = tickets.predict(inputs, context, into=into)
    return predicted.values if isinstance(predicted, Values) else predicted.probabilities


def difference(expected: Tensor, said: Tensor, least: float) -> float:
    """The largest one, as a share of the largest value or of ``least``; infinite where a number is not finite.

    Raises:
        TicketFileError: the graph returns another shape.
    """
    if expected.shape != said.shape:
        raise TicketFileError(f"the graph returns {list(said.shape)} where torch returns {list(expected.shape)}")
    scale = max(least, float(expected.abs().max()))
    largest = float((expected.double() - said.double()).abs().max()) / scale
    return largest if said.isfinite().all() and expected.isfinite().all() else torch.inf
