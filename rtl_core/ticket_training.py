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
from rtl_core.weights import FlatWeights


class TicketTraining(Protocol):
    """A ticket under way: its network, and how it goes on."""

    weights: FlatWeights

    def train(self, objective: Objective, rates: Rates, stream: Stream) -> float:
        """Train for the steps that ``rates`` are over; the mean loss."""

    @property
    def optimizer(self) -> "HasMoments":
        """What holds the moments."""


class HasMoments(Protocol):
    """An optimizer."""

    def moments(self) -> dict[str, Tensor]:
        """Its state by name."""


class StepByStep:
    """A ticket trained in the network that it came in."""

    def __init__(self, weights: FlatWeights, optimizer: TicketOptimizer) -> None:
        self.weights, self.optimizer = weights, optimizer

    def train(self, objective: Objective, rates: Rates, stream: Stream) -> float:
        """As ``training.train``."""
        return train(self.weights, self.optimizer, objective, rates, stream)


@contextmanager
def ticket_training(
    weights: FlatWeights,
    mask: Tensor,
    moments: dict[str, Tensor],
    make_optimizer: OptimizerFactory,
    objective: Objective,
) -> Iterator[TicketTraining]:
    """Train inside a mask, bool [d], from weights and moments; what comes out stands until the end of the block.

    ``weights`` may be used up.
    """
    if can_be_captured(weights, make_optimizer):
        with lent(weights, cast(OptimizerChoice, make_optimizer), objective) as training:
            training.take_up(weights, mask, moments)
            yield training
        return
    with torch.no_grad():
        weights.prunable.mul_(mask.to(weights.prunable.device))
    optimizer = TicketOptimizer(make_optimizer, mask, weights.prunable, weights.dense)
    optimizer.restore(moments)
    yield StepByStep(weights, optimizer)
