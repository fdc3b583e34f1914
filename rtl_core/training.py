"""One network, one objective, one mask: the plain training loop."""

from collections.abc import Iterable, Iterator
from itertools import count, islice

import torch
from torch import Tensor, nn

from rtl_core.errors import DataError, DivergedError
from rtl_core.isolation import TicketOptimizer
from rtl_core.precision import half_precision, products_in
from rtl_core.problem import Batch, Objective
from rtl_core.randomness import Stream
from rtl_core.schedule import Rates
from rtl_core.weights import FlatWeights


def batches_of(objective: Objective, epochs: Iterable[Stream]) -> Iterator[Batch]:
    """Batches of one epoch after another, each epoch in the order that its stream draws.

    Raises:
        DataError: an epoch has another number of batches than the objective says.
    """
    expected = objective.batches_per_epoch
    for stream in epochs:
        count = 0
        for count, batch in enumerate(objective.batches(stream.generator()), start=1):
            if count > expected:
                break
            yield batch
        if count != expected:
            given = "more" if count > expected else str(count)
            raise DataError(
                f"objective {objective.name}: batches() gave {given} in an epoch; batches_per_epoch says {expected} "
                f"({stream})"
            )


def gradient_of(weights: FlatWeights, objective: Objective, batch: Batch, place: Stream) -> Tensor:
    """Leave the loss's gradient on one batch in ``weights``; return the loss, a scalar.

    What drops at random draws from ``place``, which is this pass's own.
    """
    weights.draws.begin(place)
    weights.zero_gradient()
    return add_gradient(weights.network, objective, batch)


def add_gradient(network: nn.Module, objective: Objective, batch: Batch) -> Tensor:
    """Add the loss's gradient on one batch to that of a network's parameters; return the loss, a scalar.

    This is where an objective's precision counts: what is scored, or averaged over, is computed in float32.
    """
    device = next(network.parameters()).device
    with products_in(objective.precision, device):
        with half_precision(objective.precision, device):
            loss = objective.loss(network, batch)
        loss.backward()
    return loss.detach()


def check_finite(loss: Tensor, weights: Iterable[Tensor], stream: Stream, objective: Objective) -> None:
    """Check that a loss (or a sum of losses) and the weights it led to are finite numbers.

    Raises:
        DivergedError: they are not; the message says where.
    """
    if not torch.isfinite(loss):
        what = f"the loss is {loss.item()}"
    elif not all(torch.isfinite(part).all() for part in weights):
        what = "a weight is not finite"
    else:
        return
    raise DivergedError(
        f"training diverged: {what} ({stream}, objective {objective.name}); "
        "lower optimizer.learning_rate or look for bad values in the data"
    )


def train(
    weights: FlatWeights, optimizer: TicketOptimizer, objective: Objective, rates: Rates, stream: Stream
) -> float:
    """Train a ticket for the steps that ``rates`` are over; return the mean loss.

    ``weights`` holds m ⊙ θ and stays zero outside the optimizer's mask.

    Raises:
        DivergedError: a loss or a weight was not finite.
    """
    weights.network.train()
    total = torch.zeros((), device=weights.prunable.device)
    batches = batches_of(objective, (stream.at(epoch=e) for e in count()))
    for step, batch in enumerate(islice(batches, rates.steps)):
        epoch, number = divmod(step, objective.batches_per_epoch)
        total += gradient_of(weights, objective, batch, stream.at(epoch=epoch, batch=number))
        optimizer.scale_rate(rates.factor(step))
        optimizer.step(weights.gradient, weights.dense_gradient)
    check_finite(total, (weights.prunable, weights.dense), stream, objective)
    return total.item() / rates.steps
