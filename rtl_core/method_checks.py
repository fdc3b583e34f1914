"""What the methods that are asked for need of a problem, beside what all need (``rtl_core.checks``)."""

from collections.abc import Iterator, Sequence

from rtl_core.construction import initial_weights
from rtl_core.errors import DataError
from rtl_core.microbatches import microbatches
from rtl_core.one_network import as_one_network
from rtl_core.problem import Problem
from rtl_core.randomness import Stream
from rtl_core.training import batches_of


def method_failures(problem: Problem, stream: Stream, cut: bool, across: Sequence[str]) -> Iterator[str]:
    """What keeps methods from being trained; nothing where all is well.

    Args:
        problem: as a job has it, with its data in memory.
        stream: of one seed of the problem.
        cut: whether batches have to be cut into microbatches, of which one of each objective is tried.
        across: the methods that take masks of the tickets to the one network, or its mask to tickets.
    """
    if cut:
        yield from _uncut(problem, stream)
    layouts = [initial_weights(view, stream).layout for view in (problem, as_one_network(problem))] if across else []
    if any(layout != layouts[0] for layout in layouts):
        yield f"{', '.join(across)}: the network of IMP single has other weights than the tickets'"


def _uncut(problem: Problem, stream: Stream) -> Iterator[str]:
    for objective in problem.objectives:
        batch = next(batches_of(objective, [stream.at(subset=objective.name)]))
        try:
            microbatches(batch, len(problem.objectives))
        except DataError as failure:
            yield f"retrain.update: microbatch: objective {objective.name}: {failure}"
