"""How one ticket is trained on the device at hand: step by step, or by captured steps on CUDA."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, cast

import torch
from torch import Tensor

from rtl_core.captured_training import can_be_captured, lent
from rtl_core.isolation import OptimizerChoice, OptimizerFactory, TicketOptimizer
from rtl_core.problem import Objective
from rtl_core.randomness import Stream
from rtl_core.schedule import Rates
from rtl_core.training import train
from rtl_core.weights import FlatWeights, with_prefix


class TicketTraining(Protocol):
    """A ticket under way: its network, and how it goes on."""

    weights: FlatWeights

    def train(self, objective: Objective, rates: Rates, stream: Stream) -> float:
        """Train for the steps that ``rates`` are over; the mean loss."""

    def moments(self) -> dict[str, Tensor]:
        """The optimizer's state by name."""


class StepByStep:
    """A ticket trained in the network that it came in."""

    def __init__(self, weights: FlatWeights, optimizer: TicketOptimizer) -> None:
        self.weights, self._optimizer = weights, optimizer

    def train(self, objective: Objective, rates: Rates, stream: Stream) -> float:
        """As ``training.train``."""
        return train(self.weights, self._optimizer, objective, rates, stream)

    def moments(self) -> dict[str, Tensor]:
        """The optimizer's state by name."""
        return self._optimizer.moments()


@contextmanager
def ticket_training(
    weights: FlatWeights,
    mask: Tensor,
    carried: dict[str, Tensor],
    make_optimizer: OptimizerFactory,
    objective: Objective,
) -> Iterator[TicketTraining]:
    """Train inside a mask, bool [d]; what comes out stands until the end of the block.

    Args:
        weights: where training begins, if nothing is carried; on a CPU they are used up, on CUDA left as they are.
        mask: m.
        carried: what training goes on from: ``weights``, ``dense``, buffers and moments (``chain.Chain``).
        make_optimizer: builds the optimizer.
        objective: what will be trained on.
    """
    if can_be_captured(weights, make_optimizer):
        with lent(weights, cast(OptimizerChoice, make_optimizer), objective) as training:
            training.take_up(weights, mask, carried)
            yield training
        return
    own = weights.copy() if weights.prunable.is_cuda else weights
    if carried:
        own.load(carried["weights"], carried["dense"])
        own.load_buffers(with_prefix("buffer.", carried))
    with torch.no_grad():
        own.prunable.mul_(mask.to(own.prunable.device))
    optimizer = TicketOptimizer(make_optimizer, mask, own.prunable, own.dense)
    optimizer.restore(with_prefix("moment.", carried))
    yield StepByStep(own, optimizer)
