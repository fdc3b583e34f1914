"""What a photograph divided into regions is, and how it is stored."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rtl_core.errors import DataError

FILE = "image.safetensors"
MOST_REGIONS = 255
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class RegionImage:
    """A photograph and its K regions.

    ``pixels`` are sRGB, uint8 [H, W, 3]. ``regions`` are uint8 [H, W], 0 to K - 1, each of them present: 0 is the
    largest region, then by falling size, of equal ones first that with the smaller original label.
    """

    name: str
    pixels: Tensor
    regions: Tensor


def save(folder: Path, image: RegionImage) -> None:
    """Write an image into a folder of its own.

    Raises:
        DataError: it is not sound (see RegionImage).
    """
    _check(image, image.name)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {"pixels": image.pixels.contiguous(), "regions": image.regions.contiguous()}
    save_file(tensors, folder / FILE, {"name": image.name})


def load(folder: Path) -> RegionImage:
    """Read what ``save`` wrote.

    Raises:
        DataError: the file is missing, damaged or unsound.
    """
    path = folder / FILE
    if not path.is_file():
        raise DataError(f"{path}: not found; run the partition stage first")
    try:
        with safe_open(path, "pt") as file:
            image = RegionImage(file.metadata()["name"], file.get_tensor("pixels"), file.get_tensor("regions"))
    except (SafetensorError, KeyError, ValueError, TypeError) as problem:
        raise DataError(f"{path}: not an image of this project ({problem})") from problem
    _check(image, str(path))
    return image


def size_of(folder: Path) -> tuple[int, int]:
    """Pixels and regions of what ``save`` wrote."""
    regions = load(folder).regions
    return regions.numel(), int(regions.max()) + 1


def _check(image: RegionImage, name: str) -> None:
    pixels, regions = image.pixels, image.regions
    if pixels.dtype != torch.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.numel():
        raise DataError(f"{name}: pixels are uint8 [H, W, 3]; found {pixels.dtype} {list(pixels.shape)}")
    if regions.dtype != torch.uint8 or regions.shape != pixels.shape[:2]:
        raise DataError(
            f"{name}: regions are uint8 {list(pixels.shape[:2])}; found {regions.dtype} {list(regions.shape)}"
        )
    labels = regions.unique().tolist()
    if labels != list(range(len(labels))) or not 2 <= len(labels) <= MOST_REGIONS:
        raise DataError(
            f"{name}: found {len(labels)} regions, {labels[0]} to {labels[-1]}; "
            f"allowed: 2 to {MOST_REGIONS}, numbered from 0 without a gap"
        )
