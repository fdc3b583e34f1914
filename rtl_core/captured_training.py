"""Training steps as CUDA graphs: one capture serves every round, subset, seed and level of a process."""

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from itertools import count, islice

import torch
from torch import Tensor

from rtl_core.captured import Captured
from rtl_core.full_length import FullLengthOptimizer
from rtl_core.isolation import OptimizerChoice, OptimizerFactory
from rtl_core.problem import Batch, Objective
from rtl_core.randomness import Stream
from rtl_core.schedule import Rates
from rtl_core.structure import structure_of
from rtl_core.training import batches_of, check_finite
from rtl_core.weights import FlatWeights, with_prefix

MOST_FREE = 16
"""Networks that wait for the objectives that they have graphs for; with more, one learns another objective."""

_free: dict[Hashable, list["CapturedTraining"]] = {}
_lending = threading.Lock()


def can_be_captured(weights: FlatWeights, make_optimizer: OptimizerFactory) -> bool:
    """Whether steps of a network may be CUDA graphs.

    What drops at random draws anew at every step, outside a graph. Where the structure cannot be compared, another
    network would be lent.
    """
    if not weights.prunable.is_cuda or not isinstance(make_optimizer, OptimizerChoice) or weights.draws.layers:
        return False
    return structure_of(weights.network) is not None


class CapturedTraining:
    """A network, an optimizer and a stream of their own.

    Args:
        weights: a network on a CUDA device; taken over.
        choice: the optimizer.
    """

    def __init__(self, weights: FlatWeights, choice: OptimizerChoice) -> None:
        self.weights = weights
        weights.network.train()
        self._optimizer = FullLengthOptimizer(choice, weights.prunable, weights.dense)
        self._losses = torch.zeros((), device=weights.prunable.device)
        state = [weights.prunable, weights.dense, *weights.network.buffers(), self._losses, self._optimizer.taken]
        self.step = Captured(self._step, [*state, *(v for part in self._optimizer.states for v in part.values())])

    @torch.no_grad()
    def take_up(self, weights: FlatWeights, mask: Tensor, carried: dict[str, Tensor]) -> None:
        """Begin inside a mask, bool [d], from what was carried or else from a network of the same kind, which stays."""
        if buffers := list(weights.network.buffers()):  # some are in no state, and so not carried
            torch._foreach_copy_(list(self.weights.network.buffers()), buffers)
        if carried:
            self.weights.load(carried["weights"], carried["dense"])
            self.weights.load_buffers(with_prefix("buffer.", carried))
        else:
            self.weights.load(weights.prunable, weights.dense)
        self._optimizer.begin(mask, with_prefix("moment.", carried))
        self.weights.prunable.mul_(self._optimizer.mask)

    def moments(self) -> dict[str, Tensor]:
        """The optimizer's state by name."""
        return self._optimizer.moments()

    def train(self, objective: Objective, rates: Rates, stream: Stream) -> float:
        """As ``training.train``."""
        self._losses.zero_()
        batches = batches_of(objective, (stream.at(epoch=e) for e in count()))
        for number, batch in enumerate(islice(batches, rates.steps)):
            self._optimizer.scale_rate(rates.factor(number))
            self.step(objective, batch)
        check_finite(self._losses, (self.weights.prunable, self.weights.dense), stream, objective)
        return self._losses.item() / rates.steps

    def _step(self, objective: Objective, batch: Batch) -> None:
        self.weights.zero_gradient()
        loss = objective.loss(self.weights.network, batch)
        loss.backward()
        self._losses += loss.detach()
        self._optimizer.step(self.weights.gradient, self.weights.dense_gradient)


@contextmanager
def lent(weights: FlatWeights, choice: OptimizerChoice, objective: Objective) -> Iterator[CapturedTraining]:
    """Training for networks of this kind under this optimizer, lent to one thread at a time, if possible one that has a
    graph for the objective; the block runs on its stream.
    """
    kind = (structure_of(weights.network), weights.layout, weights.dense_layout, choice, weights.prunable.device)
    with _lending:
        free = _free.setdefault(kind, [])
        training = next((one for one in free if one.step.knows(objective)), None)
        if training is None and len(free) >= MOST_FREE:
            training = free[0]
        if training is not None:
            free.remove(training)
    training = training or CapturedTraining(weights.copy(), choice)
    with training.step.alone():
        yield training
    with _lending:
        free.append(training)
