"""Controls: masks that lack what is thought to matter, and tickets that share what should be their own."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from rtl_core.batch_statistics import shared_statistics
from rtl_core.masks import Masks
from rtl_core.problem import Objective
from rtl_core.pruning import prune_smallest
from rtl_core.randomness import Stream
from rtl_core.tickets import Tickets
from rtl_core.weights import FlatWeights


def random_masks(masks: Masks, stream: Stream) -> Masks:
    """Masks of the same number of weights, drawn uniformly over all prunable weights."""
    generator = stream.generator()
    values = torch.zeros_like(masks.values)
    for row, active in zip(values, masks.active().tolist(), strict=True):
        row[torch.randperm(masks.layout.size, generator=generator)[:active]] = True
    return Masks(masks.layout, values)


def layer_shuffled_masks(masks: Masks, stream: Stream) -> Masks:
    """Masks shuffled within each layer: the densities of every layer stay, the positions lose their meaning."""
    generator = stream.generator()
    layers = [
        torch.stack([row[torch.randperm(row.numel(), generator=generator)] for row in layer])
        for layer in masks.layers().values()
    ]
    return Masks(masks.layout, torch.cat(layers, dim=1))


def initial_magnitude_masks(masks: Masks, initial: Tensor) -> Masks:
    """Masks of the same number of weights, those of largest magnitude in θ₀ (float [d]): no training chose them."""
    everything, initial = torch.ones_like(masks.values[0]), initial.to(masks.values.device)
    rows = [prune_smallest(initial, everything, masks.layout.size - active) for active in masks.active().tolist()]
    return Masks(masks.layout, torch.stack(rows))


def union_mask(masks: Masks) -> Masks:
    """One mask, bool [1, d]: every weight that some ticket owns, so that one network may use all that RTL keeps."""
    return Masks(masks.layout, masks.union().unsqueeze(0))


def with_shared_statistics(
    weights: FlatWeights, tickets: Tickets, objectives: Sequence[Objective], stream: Stream
) -> Tickets:
    """The same tickets with one set of batch statistics, averaged over all of their training batches in turn.

    ``weights`` is a network of the right architecture; it is used up.
    """
    dense = weights.dense_layout.join(tickets.dense)
    statistics = shared_statistics(weights, tickets.weights, dense, tickets.masks, objectives, stream)
    copies = ({name: value.clone() for name, value in statistics.items()} for _ in tickets.subsets)
    return replace(tickets, statistics=tuple(copies))
