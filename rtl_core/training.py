"""One network, one objective, one mask: the plain training loop."""

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from rtl_core.errors import DivergedError
from rtl_core.isolation import TicketOptimizer
from rtl_core.problem import Batch, Objective
from rtl_core.randomness import Stream
from rtl_core.weights import FlatWeights


def epochs_of_batches(objective: Objective, stream: Stream) -> Iterator[Batch]:
    """Batches without end, epoch after epoch, each epoch in an order of its own."""
    epoch = 0
    while True:
        yield from objective.batches(stream.at(epoch=epoch).generator())
        epoch += 1


def gradient_of(weights: FlatWeights, objective: Objective, batch: Batch) -> Tensor:
    """Leave the loss's gradient on one batch in ``weights``; return the loss, a scalar."""
    weights.zero_gradient()
    loss = objective.loss(weights.network, batch)
    loss.backward()
    return loss.detach()


def check_converging(loss: Tensor, stream: Stream, objective: Objective) -> None:
    """Raise DivergedError, saying where, if a loss (or a sum of losses) is not a finite number."""
    if not torch.isfinite(loss):
        raise DivergedError(
            f"training diverged: the loss is {loss.item()} ({stream}, objective {objective.name}); "
            "lower optimizer.learning_rate or look for bad values in the data"
        )


def train(
    weights: FlatWeights, optimizer: TicketOptimizer, objective: Objective, iterations: int, stream: Stream
) -> float:
    """Train a ticket for a number of optimizer steps; return the mean loss.

    ``weights`` holds m ⊙ θ and stays zero outside the optimizer's mask.

    Raises:
        DivergedError: a loss was not finite.
    """
    weights.network.train()
    total = torch.zeros(())
    for batch in islice(epochs_of_batches(objective, stream), iterations):
        total += gradient_of(weights, objective, batch)
        optimizer.step(weights.gradient, weights.dense_gradient)
    check_converging(total, stream, objective)
    return total.item() / iterations
