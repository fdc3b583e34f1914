"""Photographs and their regions: read from folders of images and maps, or found by colour and place."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unicodedata import normalize

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from rtl_core.distinct_names import FILES, distinct_names
from rtl_core.errors import DataError
from rtl_core.folder_contents import entries_in
from rtl_core.left_out import several
from rtl_core.problems.images.image_file import first_frames, open_turned, rgb_of
from rtl_core.problems.regions.lab import lab_of
from rtl_core.problems.regions.map_file import Labels, is_png, read_map
from rtl_core.problems.regions.region_image import MOST_REGIONS, Pixels, RegionImage
from rtl_core.problems.regions.settling import settle
from rtl_core.problems.source_path import source_path
from rtl_core.randomness import Stream

FITTED = 1 << 16
"""Pixels that clusters are fitted to, at most about; every pixel is then assigned to one."""
PLACE = 0.2
"""What place counts for beside colour when clusters are formed, as a share of variance."""


@dataclass(frozen=True)
class _Photograph:
    """Where an image lies, and its map if it has one; ``folder_name`` is its folder as the setting has it."""

    name: str
    folder: Path
    folder_name: str
    image: Path
    map: Path | None


def read_folders(
    folders: Sequence[str], longest_side: int, smallest_region: float, num_regions: int, seed: int
) -> tuple[list[RegionImage], list[str]]:
    """Read ``images/`` and ``regions/`` of each folder: the images, and lines to tell of them: one for each file that
    cannot be used, and one for all maps of which nothing says how they lie on their images.

    A map is a PNG of whole numbers, named and sized like its image, 0 = unlabelled; where the image is turned by its
    EXIF, so is the map (see read_map). An image without one is divided by colour and place. Alpha is laid on white,
    and 16 bits become 8. An image is named by its folder and its file; names that differ stay so.

    Args:
        folders: their names; $NAME is read from the environment.
        longest_side: pixels that an image is scaled down to; smaller ones stay as they are.
        smallest_region: share of the scaled image's pixels below which a fragment joins a neighbour.
        num_regions: regions to look for where there is no map.
        seed: of that search.

    Raises:
        DataError: a variable is not set, a folder has no image, or not one image can be used.
    """
    images: dict[str, RegionImage] = {}
    paths: dict[str, Path] = {}
    taken: dict[Path, str] = {}
    left_out: list[str] = []
    assumed: list[str] = []
    for photograph in _photographs(folders):
        name = photograph.name
        try:
            if name in images:
                raise DataError(f"{photograph.image}: found the name {name}, taken by {paths[name]}; allowed: its own")
            images[name], turned_alike = _read(photograph, longest_side, smallest_region, num_regions, seed)
            paths[name] = photograph.image
            taken[photograph.image] = f"{photograph.folder_name}/images/{photograph.image.name}"
            if photograph.map and turned_alike:
                assumed.append(f"{photograph.folder_name}/regions/{photograph.map.name}")
        except DataError as problem:
            left_out.append(str(problem).replace(str(photograph.folder), photograph.folder_name))
    if not images:
        raise DataError(f"{left_out[0]}; images that cannot be used: {len(left_out)} of {len(left_out)}")
    without_image = [line for folder in folders for line in _maps_without_image(folder)]
    return list(images.values()), [*left_out, *without_image, *_assumption(assumed), *first_frames(taken)]


def _assumption(maps: Sequence[str]) -> list[str]:
    if not maps:
        return []
    return [
        f"{several(maps)}: taken to be drawn on the image as stored, and turned as the image's EXIF turns it: "
        "its size fits either way; a map drawn on the turned image needs an EXIF orientation of its own, 1"
    ]


def folder_files(folders: Sequence[str]) -> list[Path]:
    """Every image and map that ``read_folders`` would open.

    Raises:
        DataError: a variable is not set, or a folder has no image.
    """
    return [path for photograph in _photographs(folders) for path in (photograph.image, photograph.map) if path]


def sample_photographs(longest_side: int, smallest_region: float, num_regions: int, seed: int) -> list[RegionImage]:
    """scikit-learn's two photographs, ``china`` and ``flower``, divided by colour and place (see read_folders)."""
    from sklearn.datasets import load_sample_image  # takes a second to import

    images = []
    for name in ("china", "flower"):
        pixels = _scaled(Image.fromarray(load_sample_image(f"{name}.jpg")), longest_side)
        images.append(_region_image(name, pixels, cluster_regions(pixels, num_regions, seed), smallest_region))
    return images


def cluster_regions(pixels: Pixels, num_regions: int, seed: int) -> Labels:
    """Label pixels, uint8 [H, W, 3], by k-means of colour (CIE Lab) and place: int [H, W] from 1.

    The same pixels and seed give the same labels, on any number of threads. There are fewer than ``num_regions``
    labels where there are fewer pixels.
    """
    from sklearn.cluster import KMeans  # takes a second to import
    from threadpoolctl import threadpool_limits

    height, width, _ = pixels.shape
    colour = lab_of(pixels).reshape(-1, 3)
    place = np.indices((height, width)).reshape(2, -1).T.astype(np.float64)
    features = np.hstack([_standardised(colour), math.sqrt(PLACE) * _standardised(place)])
    step = math.ceil(math.sqrt(height * width / FITTED))
    sample = features.reshape(height, width, -1)[::step, ::step].reshape(-1, features.shape[1])
    drawn = torch.randint(2**31, (), generator=Stream(seed).at(problem="images", draw="clusters").generator())
    clusters = KMeans(min(num_regions, len(sample)), n_init=4, random_state=int(drawn))
    with threadpool_limits(1):  # threads would add up the centres in any order
        labels: Labels = clusters.fit(sample).predict(features)
    return labels.reshape(height, width) + 1


def _photographs(folders: Sequence[str]) -> list[_Photograph]:
    photographs = [photograph for folder in folders for photograph in _photographs_in(folder)]
    names = distinct_names([photograph.name for photograph in photographs], FILES)
    return [replace(photograph, name=names[photograph.name]) for photograph in photographs]


def _photographs_in(name: str) -> list[_Photograph]:
    folder = _folder(name)
    if not os.path.isdir(folder / "images"):
        raise DataError(f"{folder / 'images'}: not found; partition.folders are folders with images/")
    images = _files(folder / "images")
    if not images:
        raise DataError(f"{folder / 'images'}: found no file; allowed: images that Pillow reads")
    by_kind = sorted(_files(folder / "regions"), key=is_png)  # a PNG counts where there are several
    maps = {_stem(path): path for path in by_kind}
    return [_Photograph(f"{folder.name}-{_stem(path)}", folder, name, path, maps.get(_stem(path))) for path in images]


def _maps_without_image(name: str) -> list[str]:
    folder = _folder(name)
    stems = {_stem(path) for path in _files(folder / "images")}
    return [
        f"{name}/regions/{path.name}: found a map without an image; allowed: maps named like their images"
        for path in _files(folder / "regions")
        if _stem(path) not in stems
    ]


def _stem(path: Path) -> str:
    return normalize("NFC", path.stem)  # an image and its map may come from systems that write letters differently


def _folder(name: str) -> Path:
    return Path(os.path.abspath(source_path(name, "partition.folders")))  # a folder given as .. has a name, too


def _files(folder: Path) -> list[Path]:
    entries = entries_in(folder) if os.path.isdir(folder) else []
    return [path for path in entries if path.is_file() or not path.exists()]


def _read(
    source: _Photograph, longest_side: int, smallest_region: float, num_regions: int, seed: int
) -> tuple[RegionImage, bool]:
    """The image, and whether its map was turned with it for want of anything that says how it lies."""
    turned, orientation = open_turned(source.image)
    photograph = rgb_of(turned, source.image)
    pixels = _scaled(photograph, longest_side)
    assumed = False
    if source.map:
        labels, assumed = read_map(source.map, photograph.size, orientation, (pixels.shape[1], pixels.shape[0]))
    else:
        labels = cluster_regions(pixels, num_regions, seed)
    try:
        return _region_image(source.name, pixels, labels, smallest_region), assumed
    except DataError as problem:
        raise DataError(f"{source.map or source.image}: {problem}") from problem


def _scaled(picture: Image.Image, longest_side: int) -> Pixels:
    """Pixels uint8 [H, W, 3], no side longer than ``longest_side``."""
    scale = min(1.0, longest_side / max(picture.size))
    width, height = (max(1, round(scale * side)) for side in picture.size)
    # The mean of what a pixel covers: Lanczos would carry colours over the edges of regions, and overshoot there.
    return np.array(picture.resize((width, height), Image.Resampling.BOX))


def _region_image(name: str, pixels: Pixels, labels: Labels, smallest_region: float) -> RegionImage:
    settled = settle(labels, max(1, round(smallest_region * labels.size)))
    values, index, counts = np.unique(settled, return_inverse=True, return_counts=True)
    if not 2 <= len(values) <= MOST_REGIONS:
        raise DataError(f"regions after cleaning: found {len(values)}; allowed: 2 to {MOST_REGIONS}")
    rank = np.empty(len(values), np.uint8)
    rank[np.lexsort((values, -counts))] = np.arange(len(values))
    return RegionImage(name, torch.from_numpy(pixels), torch.from_numpy(rank[index].reshape(labels.shape)))


def _standardised(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns about 0 whose variances add up to 1: distances within them keep their proportions."""
    centred: NDArray[np.float64] = columns - columns.mean(0)
    return centred / max(float(np.sqrt(centred.var(0).sum())), 1e-9)
