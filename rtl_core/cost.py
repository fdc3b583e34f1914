"""What a training costs, counted: optimizer steps, and training examples presented."""

from collections.abc import Iterable, Sequence
from math import nan
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree

from rtl_core.duration import Duration
from rtl_core.problem import Batch, Objective


class Epoch(NamedTuple):
    """One epoch of an objective: its batches, and the examples in all of them (NaN where batches do not tell)."""

    batches: int
    examples: float


class Cost(NamedTuple):
    """Optimizer steps, and examples that went through a network and back, each as often as it did.

    A joint step of the synchronous update is one step, and presents the batches of all tickets.
    """

    steps: int
    presentations: float


def epoch_of(objective: Objective, generator: torch.Generator) -> Epoch:
    """Count the examples of one epoch: of a batch, the length of its first tensor."""
    return Epoch(objective.batches_per_epoch, sum(map(_examples_in, objective.batches(generator))))


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
    return Cost(steps, sum(indices * epoch.examples / epoch.batches for epoch in epochs))


def summed(costs: Iterable[Cost]) -> Cost:
    """One training after another."""
    every = list(costs)
    return Cost(sum(cost.steps for cost in every), sum(cost.presentations for cost in every))


def _examples_in(batch: Batch) -> float:
    tensors = [leaf for leaf in _pytree.tree_leaves(batch) if isinstance(leaf, Tensor) and leaf.dim()]
    return len(tensors[0]) if tensors else nan
