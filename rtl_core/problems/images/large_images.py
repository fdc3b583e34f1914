"""Where images lie while they are worked on: in memory, or, where they are many, in a file that ends with them."""

import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor

from rtl_core.errors import DataError

MOST_IN_MEMORY = 1 << 30
"""Values of images that are held in memory: 1 GiB as they are stored, 4 GiB as a network takes them."""
AT_ONCE = 1 << 26
"""Values that are copied or counted at a time."""


def are_large(splits: Iterable[Tensor]) -> bool:
    """Whether images, all together, have more values than are held in memory."""
    return sum(images.numel() for images in splits) > MOST_IN_MEMORY


def new_images(shape: Sequence[int]) -> Tensor:
    """Room for images, uint8 [N, C, H, W].

    Raises:
        DataError: there is too little on the disk of temporary files.
    """
    if prod(shape) <= MOST_IN_MEMORY:
        return torch.empty(*shape, dtype=torch.uint8)
    with tempfile.TemporaryFile() as file:
        try:
            if sys.platform == "linux":
                os.posix_fallocate(file.fileno(), 0, prod(shape))  # a write without room would end the process
        except OSError as problem:
            raise DataError(
                f"{tempfile.gettempdir()}: no room for {prod(shape)} bytes of images ({problem.strerror}); "
                "TMPDIR names another folder"
            ) from None
        return torch.from_numpy(np.memmap(file, np.uint8, "w+", shape=tuple(shape)))


def parts_of(images: Tensor) -> Sequence[Tensor]:
    """Images, one after another, so many at a time as take little memory."""
    parts: tuple[Tensor, ...] = images.split(_at_once(images))
    return parts


def taken(images: Tensor, which: Tensor) -> Tensor:
    """The images of a mask, bool [N], or numbers, int64 [M]."""
    numbers = which.nonzero().squeeze(1) if which.dtype == torch.bool else which
    if images[:1].numel() * len(numbers) <= MOST_IN_MEMORY:
        return images[which]
    copied = new_images([len(numbers), *images.shape[1:]])
    at = 0
    for part in numbers.split(_at_once(images)):
        copied[at : at + len(part)] = images[part]
        at += len(part)
    return copied


def _at_once(images: Tensor) -> int:
    return max(1, AT_ONCE // max(1, images[:1].numel()))
