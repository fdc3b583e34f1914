"""Masks that lack what is thought to matter: as many weights as RTL's tickets have, chosen in another way."""

from collections.abc import Callable

import torch
from torch import Tensor

from rtl_core.masks import Masks
from rtl_core.pruning import largest_masks
from rtl_core.randomness import Stream

MaskControl = Callable[[Masks, Tensor, Stream], Masks]
"""Masks of the K tickets (RTL's, or IMP single's for each), θ₀ as float [d], and where random draws come from → the
masks that are retrained in their place."""

MASK_CONTROLS: dict[str, MaskControl] = {}
"""By the name of their row in ``rtl_core.methods``."""


def mask_control(function: MaskControl) -> MaskControl:
    """Offer a control under the name of its function."""
    MASK_CONTROLS[function.__name__] = function
    return function


def masks_for(control: str, masks: Masks, initial: Tensor, stream: Stream) -> Masks:
    """The masks of a control, made to the measure of RTL's.

    Args:
        control: its name.
        masks: RTL's or, of a control whose ``masks_of`` is IMP single, its one mask for every ticket.
        initial: θ₀ of the network, float [d].
        stream: where random draws come from.

    Raises:
        KeyError: there is no such control.
    """
    return MASK_CONTROLS[control](masks, initial, stream)


@mask_control
def shared_mask(masks: Masks, _initial: Tensor, _stream: Stream) -> Masks:
    """One mask for every ticket, that of IMP single: what is left of RTL is its objectives and its update."""
    return Masks(masks.layout, masks.union().expand(len(masks), -1).clone())


@mask_control
def shared_mask_union(masks: Masks, initial: Tensor, stream: Stream) -> Masks:
    """One mask for every ticket, which holds all that RTL keeps."""
    return shared_mask(masks, initial, stream)


@mask_control
def random_masks(masks: Masks, _initial: Tensor, stream: Stream) -> Masks:
    """Masks of the same number of weights, drawn uniformly over all prunable weights."""
    generator = stream.generator()
    values = torch.zeros_like(masks.values)
    for row, active in zip(values, masks.active().tolist(), strict=True):
        row[torch.randperm(masks.layout.size, generator=generator)[:active]] = True
    return Masks(masks.layout, values)


@mask_control
def layer_shuffled_masks(masks: Masks, _initial: Tensor, stream: Stream) -> Masks:
    """Masks shuffled within each layer: the densities of every layer stay, the positions lose their meaning."""
    generator = stream.generator()
    layers = [
        torch.stack([row[torch.randperm(row.numel(), generator=generator)] for row in layer])
        for layer in masks.layers().values()
    ]
    return Masks(masks.layout, torch.cat(layers, dim=1))


@mask_control
def initial_magnitude_masks(masks: Masks, initial: Tensor, _stream: Stream) -> Masks:
    """Masks of the same number of weights, those of largest magnitude in θ₀: no training chose them."""
    return largest_masks(masks, initial)
