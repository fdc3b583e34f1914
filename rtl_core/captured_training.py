"""Training steps as CUDA graphs: one capture serves every round, subset, seed and level of a process."""

import threading
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from rtl_core.captured import Captured
from rtl_core.full_length import FullLengthOptimizer
from rtl_core.isolation import OptimizerChoice
from rtl_core.problem import Batch, Objective
from rtl_core.weights import FlatWeights

MOST_FREE = 16
"""Networks that wait for the objectives that they have graphs for; with more, one learns another objective."""

_free: dict[Hashable, list["CapturedTraining"]] = {}
_lending = threading.Lock()


class CapturedTraining:
    """A network, an optimizer and a stream of their own.

    Args:
        weights: a network on a CUDA device; taken over.
        choice: the optimizer.
    """

    def __init__(self, weights: FlatWeights, choice: OptimizerChoice) -> None:
        self.weights = weights
        weights.network.train()
        self.optimizer = FullLengthOptimizer(choice, weights.prunable, weights.dense)
        self.losses = torch.zeros((), device=weights.prunable.device)
        state = [weights.prunable, weights.dense, *weights.network.buffers(), self.losses, self.optimizer.taken]
        self.step = Captured(self._step, [*state, *(v for part in self.optimizer.states for v in part.values())])

    def take_up(self, weights: FlatWeights, mask: Tensor, moments: dict[str, Tensor]) -> None:
        """Go on from the values of a network of the same kind, under a mask."""
        _copy(weights, self.weights)
        self.optimizer.begin(mask, moments)
        self.losses.zero_()

    def give_back(self, weights: FlatWeights) -> None:
        """Copy the values to a network of the same kind."""
        _copy(self.weights, weights)

    def _step(self, objective: Objective, batch: Batch) -> None:
        self.weights.zero_gradient()
        loss = objective.loss(self.weights.network, batch)
        loss.backward()
        self.losses += loss.detach()
        self.optimizer.step(self.weights.gradient, self.weights.dense_gradient)


@contextmanager
def lent(weights: FlatWeights, choice: OptimizerChoice, objective: Objective) -> Iterator[CapturedTraining]:
    """Training for networks of this kind under this optimizer, lent to one thread at a time, if possible one that has a
    graph for the objective; the block runs on its stream.
    """
    kind = (repr(weights.network), weights.layout, weights.dense_layout, choice, weights.prunable.device)
    with _lending:
        free = _free.setdefault(kind, [])
        training = next((one for one in free if one.step.knows(objective)), None)
        if training is None and len(free) >= MOST_FREE:
            training = free[0]
        if training is not None:
            free.remove(training)
    training = training or CapturedTraining(weights.copy(), choice)
    torch.cuda.current_stream().synchronize()
    with torch.cuda.stream(training.step.stream):
        yield training
        training.step.stream.synchronize()
    with _lending:
        free.append(training)


def train_captured(
    weights: FlatWeights,
    mask: Tensor,
    moments: dict[str, Tensor],
    choice: OptimizerChoice,
    objective: Objective,
    batches: Iterable[Batch],
) -> tuple[Tensor, dict[str, Tensor]]:
    """Train a ticket on batches; the sum of its losses, and the optimizer's moments.

    Args:
        weights: m ⊙ θ of a network on a CUDA device; left trained.
        mask: m, bool [d].
        moments: what an earlier call returned, to go on from; nothing to start.
        choice: the optimizer.
        objective: the loss.
        batches: as many as there are to be steps.
    """
    with lent(weights, choice, objective) as training:
        training.take_up(weights, mask, moments)
        for batch in batches:
            training.step(objective, batch)
        training.give_back(weights)
        return training.losses.clone(), training.optimizer.moments()


@torch.no_grad()
def _copy(source: FlatWeights, target: FlatWeights) -> None:
    target.load(source.prunable, source.dense)
    for into, value in zip(target.network.buffers(), source.network.buffers(), strict=True):
        into.copy_(value)
