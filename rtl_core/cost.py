"""What a training costs, counted: optimizer steps, training examples presented, and multiply-adds."""

from collections.abc import Iterable, Sequence
from math import nan
from typing import NamedTuple

from torch import Tensor
from torch.utils import _pytree

from rtl_core.construction import initial_weights
from rtl_core.duration import Duration
from rtl_core.multiply_adds import TrainingPasses
from rtl_core.problem import Batch, Objective, Problem
from rtl_core.randomness import Stream


class Epoch(NamedTuple):
    """One epoch of an objective: its batches, the examples in all of them (NaN where batches do not tell), and the
    multiply-adds of a pass on each, forward and backward (NaN where an operator is not known; ``multiply_adds``).
    """

    batches: int
    examples: float
    multiply_adds: float


class Cost(NamedTuple):
    """Optimizer steps, examples that went through a network and back, each as often as it did, and the multiply-adds
    that this took.

    A joint step of the synchronous update is one step, and presents the batches of all tickets.
    """

    steps: int
    presentations: float
    multiply_adds: float


def epochs_of(problem: Problem, stream: Stream) -> list[Epoch]:
    """Count one epoch of each objective: of a batch, its examples are the length of its first tensor, and its
    multiply-adds those of a pass on it, or on another of its kind, through a network that is there for that alone.

    Args:
        problem: whose objectives they are.
        stream: of one seed of the problem.
    """
    place = stream.at(draw="examples of an epoch")
    passes = TrainingPasses(initial_weights(problem, stream), place)
    return [_epoch_of(objective, passes, place) for objective in problem.objectives]


def _epoch_of(objective: Objective, passes: TrainingPasses, place: Stream) -> Epoch:
    examples: float = 0
    multiply_adds: float = 0
    for batch in objective.batches(place.generator()):
        examples += _examples_in(batch)
        multiply_adds += passes.multiply_adds(objective, batch)
    return Epoch(objective.batches_per_epoch, examples, multiply_adds)


def round_cost(epoch: Epoch, duration: Duration) -> Cost:
    """One round of a chain (paper Algorithm 1)."""
    return training_cost([epoch], duration, epoch.batches, "sequential")


def training_cost(epochs: Sequence[Epoch], duration: Duration, batches_per_epoch: int, update: str) -> Cost:
    """Joint training of the tickets of all ``epochs`` (paper Algorithm 2), each on one batch at each of its indices.

    Args:
        epochs: of each ticket's objective.
        duration: of the training.
        batches_per_epoch: M, the batch indices of an epoch.
        update: of the shared weights (``rtl_core.updates``).
    """
    indices = duration.iterations(batches_per_epoch)
    steps = indices if update == "synchronous" else indices * len(epochs)
    return Cost(
        steps,
        sum(indices * epoch.examples / epoch.batches for epoch in epochs),
        sum(indices * epoch.multiply_adds / epoch.batches for epoch in epochs),
    )


def summed(costs: Iterable[Cost]) -> Cost:
    """One training after another."""
    every = list(costs)
    return Cost(
        sum(cost.steps for cost in every),
        sum(cost.presentations for cost in every),
        sum(cost.multiply_adds for cost in every),
    )


def _examples_in(batch: Batch) -> float:
    tensors = [leaf for leaf in _pytree.tree_leaves(batch) if isinstance(leaf, Tensor) and leaf.dim()]
    return len(tensors[0]) if tensors else nan
