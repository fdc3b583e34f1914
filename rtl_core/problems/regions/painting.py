"""The image that networks of coordinates paint: at the size that they were trained at, from there enlarged."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from rtl_core.networks.coordinate_mlp import fourier_features

LEAST_SIDE, MOST_SIDE = 11, 4096
"""Pixels: what the windows of SSIM take, and what files hold."""
LEAST_FREQUENCY, MOST_FREQUENCY = 0.01, 10_000
"""ω of sin(ω x), whose initial weights are numbers of float32."""
BLOCK = 1 << 16
"""Pixels that are painted at a time, so that memory does not grow with the size of an image."""


def paint(
    networks: Sequence[nn.Module], regions: Tensor, embedded: bool, size: tuple[int, int] | None = None
) -> Tensor:
    """The image of coordinate networks, uint8 [H, W, 3].

    Training sets the colours of the trained pixels and nothing between them: the highest octaves of the features lie
    above what that many pixels determine. Another size is therefore the trained one resampled by Lanczos (Pillow).

    Args:
        networks: one a region or, where it is ``embedded``, the one that is told the region.
        regions: the map that they were trained on, uint8 [H, W].
        embedded: whether one network serves every region (IMP single).
        size: height and width in pixels; None takes the map's.
    """
    trained = _as_trained(networks, regions, embedded)
    if size is None or size == tuple(regions.shape):
        return trained
    resampled = Image.fromarray(trained.numpy()).resize(size[::-1], Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(resampled))


@torch.inference_mode()
def _as_trained(networks: Sequence[nn.Module], regions: Tensor, embedded: bool) -> Tensor:
    height, width = regions.shape
    painted = torch.empty(height, width, 3, dtype=torch.uint8)
    at_a_time = max(1, BLOCK // width)
    for first in range(0, height, at_a_time):
        rows = range(first, min(first + at_a_time, height))
        features = fourier_features(height, width, rows)
        region = regions[rows.start : rows.stop].flatten().long()
        colours = networks[0](features, region) if embedded else _each_by_its_own(networks, features, region)
        painted[rows.start : rows.stop] = bytes_of(colours).reshape(len(rows), width, 3)
    return painted


def _each_by_its_own(networks: Sequence[nn.Module], features: Tensor, region: Tensor) -> Tensor:
    colours = torch.empty(len(region), 3)
    for subset, network in enumerate(networks):
        mine = region == subset
        colours[mine] = network(features[mine])
    return colours


def bytes_of(colours: Tensor) -> Tensor:
    """Colours, float within 0 to 1, in 8 bits."""
    return (colours.clamp(0, 1) * 255).round().to(torch.uint8)
