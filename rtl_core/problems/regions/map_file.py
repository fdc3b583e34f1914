"""How a map of regions, a file beside an image, lies on that image."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rtl_core.errors import DataError
from rtl_core.problems.images.image_file import open_turned, turn

WHOLE_NUMBERS = ("1", "L", "P", "I", "I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes with one channel of whole numbers."""
QUARTER_TURNS = range(5, 9)
"""EXIF orientations that exchange width and height."""

Labels = NDArray[np.integer[Any]]
Size = tuple[int, int]
"""Width and height."""


def is_png(path: Path) -> bool:
    """Whether a file is one by its name."""
    return path.suffix.lower() == ".png"


def read_map(path: Path, size: Size, orientation: int | None, scaled: Size) -> tuple[Labels, bool]:
    """A map's labels as they lie on its image, int32 [H, W], and whether that was assumed.

    A map with an EXIF orientation of its own is turned by it, and lies on the turned image then. One without lies on
    the image as it is stored, and is turned as the image is; one that fits the turned image alone lies on that. Where
    it fits both, at a half turn, a mirror image or a square one, nothing says that it does not lie on the turned image
    after all.

    Args:
        path: a PNG of whole numbers.
        size: the image's when it has been turned.
        orientation: of the image, by its EXIF.
        scaled: the size wanted.

    Raises:
        DataError: it cannot be read, is not of whole numbers of 0 and above, or has another size than its image.
    """
    if not is_png(path):
        raise DataError(f"{path}: found a map of another format; allowed: PNG")
    picture, own = open_turned(path)
    if picture.mode not in WHOLE_NUMBERS:
        raise DataError(f"{path}: found mode {picture.mode}; allowed: one channel of whole numbers")
    stored = size[::-1] if orientation in QUARTER_TURNS else size
    follows = own is None and orientation not in (None, 1) and picture.size == stored
    if picture.size != size and not follows:
        given, wanted = (f"{width}×{height}" for width, height in (picture.size, size))
        raise DataError(f"{path}: found {given}, its image has {wanted}; allowed: the image's size")
    assumed = follows and stored == size
    labels = np.asarray(turn(picture, orientation) if follows and orientation else picture).astype(np.int32)
    if (labels < 0).any():
        raise DataError(f"{path}: found label {labels.min()}; allowed: 0 (unlabelled) and above")
    return np.array(Image.fromarray(labels).resize(scaled, Image.Resampling.NEAREST)), assumed
