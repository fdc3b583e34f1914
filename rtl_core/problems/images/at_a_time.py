"""How many images are scored, or asked about, in one batch."""

from collections.abc import Sequence
from math import prod

import torch

IMAGES, PIXELS = 1000, 2**22


def images_at_a_time(size: Sequence[int], device: torch.device) -> int:
    """How many images of a size (H, W) are scored in one batch: of small ones, CUDA takes more in the same time."""
    return IMAGES if device.type == "cpu" else max(IMAGES, PIXELS // prod(size))
