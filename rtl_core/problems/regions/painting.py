"""The image that networks of coordinates paint, at any resolution."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rtl_core.networks.coordinate_mlp import fourier_features

LEAST_SIDE, MOST_SIDE = 11, 4096
"""Pixels: what the windows of SSIM take, and what memory has room for."""
LEAST_FREQUENCY, MOST_FREQUENCY = 0.01, 10_000
"""ω of sin(ω x), whose initial weights are numbers of float32."""
BLOCK = 1 << 16
"""Pixels that are painted at a time, so that memory does not grow with the size of an image."""


@torch.inference_mode()
def paint(
    networks: Sequence[nn.Module], regions: Tensor, embedded: bool, size: tuple[int, int] | None = None
) -> Tensor:
    """The image of coordinate networks, uint8 [H, W, 3].

    Args:
        networks: one a region or, where it is ``embedded``, the one that is told the region.
        regions: the map that they were trained on, uint8 [H, W].
        embedded: whether one network serves every region (IMP single).
        size: height and width in pixels; None takes the map's. A pixel belongs to the region that the nearest pixel of
            the map belongs to.
    """
    height, width = size or regions.shape
    painted = torch.empty(height, width, 3, dtype=torch.uint8)
    at_a_time = max(1, BLOCK // width)
    for first in range(0, height, at_a_time):
        rows = range(first, min(first + at_a_time, height))
        features = fourier_features(height, width, rows)
        region = _nearest(regions, height, width, rows).flatten().long()
        colours = networks[0](features, region) if embedded else _each_by_its_own(networks, features, region)
        painted[rows.start : rows.stop] = bytes_of(colours).reshape(len(rows), width, 3)
    return painted


def _each_by_its_own(networks: Sequence[nn.Module], features: Tensor, region: Tensor) -> Tensor:
    colours = torch.empty(len(region), 3)
    for subset, network in enumerate(networks):
        mine = region == subset
        colours[mine] = network(features[mine])
    return colours


def _nearest(regions: Tensor, height: int, width: int, rows: range) -> Tensor:
    """The regions of some rows of a map that is scaled to another size, uint8 [rows, W]."""
    places = (torch.tensor(rows), height, len(regions)), (torch.arange(width), width, regions.shape[1])
    of_rows, of_columns = (((place + 0.5) * old / new).long() for place, new, old in places)
    return regions[of_rows[:, None], of_columns]


def bytes_of(colours: Tensor) -> Tensor:
    """Colours, float within 0 to 1, in 8 bits."""
    return (colours.clamp(0, 1) * 255).round().to(torch.uint8)
