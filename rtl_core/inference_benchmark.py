"""How long predictions and a change of context take on one core, for tickets and for other ways of serving them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rtl_core.description.preprocessing import Preprocessing, Sound
from rtl_core.one_thread import one_thread
from rtl_core.randomness import Stream
from rtl_core.serving_ways import DENSE, Report, Way, ways_of
from rtl_core.timing import Work, timed
from rtl_core.use.export.comparison import drawn_inputs
from rtl_core.use.storage import storage_of
from rtl_core.use.tickets_in_use import TicketsInUse

BATCHES = (1, 64)
TURNS, LEAST_SECONDS = 25, 0.03
"""Of each measurement; and seconds of a turn, where one call takes less."""


class Measurement(NamedTuple):
    """Of a way: a prediction of ``batch`` examples, or, of none, a change of context."""

    way: str
    batch: int


def inference_benchmark(tickets: TicketsInUse, disk_bytes: int, report: Report) -> dict[str, Any]:
    """Milliseconds of a prediction and of a change of context on one thread, and bytes on disk and in memory.

    A prediction goes from inputs as the file takes them to what an output means: preprocessing, network and decision,
    whichever way. Inputs are drawn. Ways take turns, in an order drawn for each; milliseconds are medians over turns.

    Args:
        tickets: from a file that says how it is used.
        disk_bytes: of that file.
        report: is told what is done next.

    Returns:
        ``contexts``; ``weights``: ``prunable`` ones, those in the ``union`` of masks, and ``kept`` by a ticket, a mean;
        ``turns``; ``pruned_networks_bytes`` of K files of one ticket each; ``ways``: for each its ``contexts``,
        ``disk_bytes``, ``memory_bytes``, ``switch_ms`` (None where nothing is switched) and, by number of examples,
        ``batches``: ``ms``, ``ms_per_example``, ``ratio`` to the dense network in the same turn, a median, and its
        ``ratio_quartiles``; ``absent``: why a way is not among them.

    Raises:
        TicketFileError: the file does not say how it is used, or names a network that is not allowed.
    """
    tickets = replace(tickets, device="cpu")
    inputs = {batch: _inputs(tickets.usage.preprocessing, batch) for batch in BATCHES}
    with one_thread():
        report("measuring files")
        storage = storage_of(tickets)
        ways, absent = ways_of(tickets, disk_bytes, storage, inputs[1], report)
        times = _times(ways, tickets.contexts, inputs, report)
    return {
        "contexts": len(tickets.contexts),
        "weights": {
            "prunable": tickets.masks.layout.size,
            "union": int(tickets.masks.union().sum()),
            "kept": tickets.masks.active().double().mean().item(),
        },
        "turns": TURNS,
        "pruned_networks_bytes": storage.pruned_networks,
        "ways": {name: _measured(name, way, times) for name, way in ways.items()},
        "absent": absent,
    }


def _inputs(preprocessing: Preprocessing, count: int) -> Tensor:
    if not isinstance(preprocessing, Sound):
        return drawn_inputs(preprocessing, count)
    quarter = -(-preprocessing.rate // 4)
    return torch.randn(count, quarter, generator=Stream(0).at(draw="signals of a benchmark").generator())


def _times(
    ways: dict[str, Way], contexts: tuple[str, ...], inputs: dict[int, Tensor], report: Report
) -> dict[Measurement, Tensor]:
    """Milliseconds of one call in each turn, float64 [TURNS], after a turn that counts for nothing."""
    works: dict[Measurement, Work] = {}
    for name, way in ways.items():
        works |= {Measurement(name, batch): _prediction(way, contexts[0], inputs[batch]) for batch in BATCHES}
        if way.switch is not None:
            works[Measurement(name, 0)] = _changes(way.switch, contexts)
    order = list(works)
    times: dict[Measurement, list[float]] = {one: [] for one in order}
    for turn in range(TURNS + 1):
        report(f"measuring, turn {turn} of {TURNS}" if turn else "warming up")
        drawn = torch.randperm(len(order), generator=Stream(0).at(draw="order of a turn", turn=turn).generator())
        for one in [order[place] for place in drawn.tolist()]:
            passes, seconds = timed(works[one], LEAST_SECONDS)
            times[one].append(1000 * seconds / passes / (1 if one.batch else len(contexts)))
    return {one: torch.tensor(values[1:], dtype=torch.float64) for one, values in times.items()}


def _prediction(way: Way, context: str, inputs: Tensor) -> Work:
    return lambda: way.predict(inputs, context)


def _changes(switch: Callable[[str], object], contexts: tuple[str, ...]) -> Work:
    """A change to each context, to the first of them last, in which predictions are measured."""

    def work() -> None:
        for name in reversed(contexts):
            switch(name)

    return work


def _measured(name: str, way: Way, times: dict[Measurement, Tensor]) -> dict[str, Any]:
    batches = {}
    for batch in BATCHES:
        own = times[Measurement(name, batch)]
        ms, ratios = own.median().item(), own / times[Measurement(DENSE, batch)]
        low, ratio, high = ratios.quantile(ratios.new_tensor([0.25, 0.5, 0.75])).tolist()
        batches[str(batch)] = {
            "ms": ms,
            "ms_per_example": ms / batch,
            "ratio": ratio,
            "ratio_quartiles": [low, high],
        }
    return {
        "contexts": way.contexts,
        "batches": batches,
        "switch_ms": times[Measurement(name, 0)].median().item() if way.switch else None,
        "disk_bytes": way.disk_bytes,
        "memory_bytes": way.memory_bytes,
    }
