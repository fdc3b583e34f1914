"""What networks of coordinates are trained on: the squared error of colours, all pixels in one batch."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Batch = tuple[Tensor, ...]


def one_batch(batch: Batch, _generator: torch.Generator) -> Iterator[Batch]:
    """An epoch: features and colours of all pixels, and perhaps regions, once."""
    yield batch


def error(weight: float, network: nn.Module, batch: Batch) -> Tensor:
    """Squared error of a ticket's own pixels, times a weight."""
    features, colours = batch
    return weight * F.mse_loss(network(features), colours)


def error_with_region(network: nn.Module, batch: Batch) -> Tensor:
    """Squared error of one network that is told the region of each pixel."""
    features, colours, region = batch
    return F.mse_loss(network(features, region), colours)
