"""What a photograph divided into regions is: read from folders, cleaned, and stored."""

import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush
from pathlib import Path
from unicodedata import normalize

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rtl_core.distinct_names import FILES, distinct_names
from rtl_core.errors import DataError
from rtl_core.folder_contents import entries_in
from rtl_core.problems.image_file import open_turned, rgb_of
from rtl_core.problems.map_file import Labels, is_png, read_map
from rtl_core.problems.source_path import source_path
from rtl_core.randomness import Stream

FILE = "image.safetensors"
MOST_REGIONS = 255
FITTED = 1 << 16
"""Pixels that clusters are fitted to, at most about; every pixel is then assigned to one."""
PLACE = 0.2
"""What place counts for beside colour when clusters are formed, as a share of variance."""

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
    left_out: list[str] = []
    assumed: list[str] = []
    for photograph in _photographs(folders):
        name = photograph.name
        try:
            if name in images:
                raise DataError(f"{photograph.image}: found the name {name}, taken by {paths[name]}; allowed: its own")
            images[name], turned_alike = _read(photograph, longest_side, smallest_region, num_regions, seed)
            paths[name] = photograph.image
            if photograph.map and turned_alike:
                assumed.append(f"{photograph.folder_name}/regions/{photograph.map.name}")
        except DataError as problem:
            left_out.append(str(problem).replace(str(photograph.folder), photograph.folder_name))
    if not images:
        raise DataError(f"{left_out[0]}; images that cannot be used: {len(left_out)} of {len(left_out)}")
    without_image = [line for folder in folders for line in _maps_without_image(folder)]
    return list(images.values()), [*left_out, *without_image, *_assumption(assumed)]


def _assumption(maps: Sequence[str]) -> list[str]:
    if not maps:
        return []
    others = f" and {len(maps) - 1} more" if len(maps) > 1 else ""
    return [
        f"{maps[0]}{others}: taken to be drawn on the image as stored, and turned as the image's EXIF turns it: "
        "its size fits either way; a map drawn on the turned image needs an EXIF orientation of its own, 1"
    ]


def folder_files(folders: Sequence[str]) -> list[Path]:
    """Every image and map that ``read_folders`` would open.

    Raises:
        DataError: a variable is not set, or a folder has no image.
    """
    return [path for found in _photographs(folders) for path in (found.image, found.map) if path]


def sample_photographs(longest_side: int, smallest_region: float, num_regions: int, seed: int) -> list[RegionImage]:
    """scikit-learn's two photographs, ``china`` and ``flower``, divided by colour and place (see read_folders)."""
    from sklearn.datasets import load_sample_image  # takes a second to import

    found = []
    for name in ("china", "flower"):
        pixels = _scaled(Image.fromarray(load_sample_image(f"{name}.jpg")), longest_side)
        found.append(_region_image(name, pixels, cluster_regions(pixels, num_regions, seed), smallest_region))
    return found


def cluster_regions(pixels: Pixels, num_regions: int, seed: int) -> Labels:
    """Label pixels, uint8 [H, W, 3], by k-means of colour (CIE Lab) and place: int [H, W] from 1.

    The same pixels and seed give the same labels, on any number of threads. There are fewer than ``num_regions``
    labels where there are fewer pixels.
    """
    from sklearn.cluster import KMeans  # takes a second to import
    from threadpoolctl import threadpool_limits

    height, width, _ = pixels.shape
    colour = _lab(pixels).reshape(-1, 3)
    place = np.indices((height, width)).reshape(2, -1).T.astype(np.float64)
    features = np.hstack([_standardised(colour), math.sqrt(PLACE) * _standardised(place)])
    step = math.ceil(math.sqrt(height * width / FITTED))
    sample = features.reshape(height, width, -1)[::step, ::step].reshape(-1, features.shape[1])
    drawn = torch.randint(2**31, (), generator=Stream(seed).at(problem="images", draw="clusters").generator())
    clusters = KMeans(min(num_regions, len(sample)), n_init=4, random_state=int(drawn))
    with threadpool_limits(1):  # threads would add up the centres in any order
        found: Labels = clusters.fit(sample).predict(features)
    return found.reshape(height, width) + 1


def settle(regions: Labels, smallest: int) -> Labels:
    """Hand unlabelled pixels and fragments to the region that surrounds them most.

    A piece is a 4-connected set of pixels with one label. First each unlabelled piece, then, the smallest first, each
    piece of fewer than ``smallest`` pixels takes the label that it shares the longest border with, of equal ones the
    smaller; and so on, until every piece is large enough or a single one is left. Other pieces stay as they are.

    Args:
        regions: int [H, W], 0 = unlabelled.
        smallest: pixels of the smallest piece that stays.

    Raises:
        DataError: no pixel is labelled.
    """
    if not regions.any():
        raise DataError("found no labelled pixel; allowed: a map with labels other than 0")
    pieces, labels = _pieces(regions)
    borders = _borders(pieces, len(labels))
    sizes = np.bincount(pieces.ravel()).tolist()
    part_of = list(range(len(labels)))
    waiting = [(labels[p] != 0, sizes[p], p) for p in part_of if labels[p] == 0 or sizes[p] < smallest]
    heapify(waiting)
    while waiting:
        _, size, piece = heappop(waiting)
        if part_of[piece] != piece or sizes[piece] != size or not borders[piece]:
            continue
        label = _surrounding(labels, borders[piece])
        united = [piece, *(p for p in borders[piece] if labels[p] == label)]
        kept = max(united, key=lambda p: len(borders[p]))  # so that the longest list of neighbours need not move
        united.remove(kept)
        _unite(kept, united, borders)
        labels[kept] = label
        for part in united:
            part_of[part] = kept
            sizes[kept] += sizes[part]
        if sizes[kept] < smallest:
            heappush(waiting, (True, sizes[kept], kept))
    whole = np.array(part_of)
    while (whole[whole] != whole).any():
        whole = whole[whole]
    settled: Labels = np.array(labels, regions.dtype)[whole][pieces]
    return settled


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


def _check(image: RegionImage, name: str) -> None:
    pixels, regions = image.pixels, image.regions
    if pixels.dtype != torch.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.numel():
        raise DataError(f"{name}: pixels are uint8 [H, W, 3]; found {pixels.dtype} {list(pixels.shape)}")
    if regions.dtype != torch.uint8 or regions.shape != pixels.shape[:2]:
        raise DataError(
            f"{name}: regions are uint8 {list(pixels.shape[:2])}; found {regions.dtype} {list(regions.shape)}"
        )
    found = regions.unique().tolist()
    if found != list(range(len(found))) or not 2 <= len(found) <= MOST_REGIONS:
        raise DataError(
            f"{name}: found {len(found)} regions, {found[0]} to {found[-1]}; "
            f"allowed: 2 to {MOST_REGIONS}, numbered from 0 without a gap"
        )


def _photographs(folders: Sequence[str]) -> list[_Photograph]:
    found = [photograph for folder in folders for photograph in _photographs_in(folder)]
    names = distinct_names([photograph.name for photograph in found], FILES)
    return [replace(photograph, name=names[photograph.name]) for photograph in found]


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
    found = entries_in(folder) if os.path.isdir(folder) else []
    return [path for path in found if path.is_file() or not path.exists()]


def _read(
    found: _Photograph, longest_side: int, smallest_region: float, num_regions: int, seed: int
) -> tuple[RegionImage, bool]:
    """The image, and whether its map was turned with it for want of anything that says how it lies."""
    turned, orientation = open_turned(found.image)
    photograph = rgb_of(turned, found.image)
    pixels = _scaled(photograph, longest_side)
    assumed = False
    if found.map:
        labels, assumed = read_map(found.map, photograph.size, orientation, (pixels.shape[1], pixels.shape[0]))
    else:
        labels = cluster_regions(pixels, num_regions, seed)
    try:
        return _region_image(found.name, pixels, labels, smallest_region), assumed
    except DataError as problem:
        raise DataError(f"{found.map or found.image}: {problem}") from problem


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


def _lab(pixels: Pixels) -> NDArray[np.float64]:
    """CIE L*, a* and b*, rounded as Pillow does, float [H, W, 3]."""
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    converted = ImageCms.applyTransform(Image.fromarray(pixels), to_lab)
    stored = np.asarray(converted)
    light, colour = stored[..., :1] * (100 / 255), stored[..., 1:].astype(np.int8)
    return np.concatenate([light, colour], axis=-1, dtype=np.float64)


def _standardised(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns about 0 whose variances add up to 1: distances within them keep their proportions."""
    centred: NDArray[np.float64] = columns - columns.mean(0)
    return centred / max(float(np.sqrt(centred.var(0).sum())), 1e-9)


def _pieces(regions: Labels) -> tuple[NDArray[np.intp], list[int]]:
    """The piece that each pixel belongs to, int [H, W] from 0, and the label of each."""
    from scipy import ndimage  # takes half a second to import

    height, width = regions.shape
    # Pixels are two apart, and the cell between neighbours is open where they are alike: one labelling for all labels.
    cells = np.zeros((2 * height - 1, 2 * width - 1), dtype=bool)
    cells[::2, ::2] = True
    cells[1::2, ::2] = regions[1:] == regions[:-1]
    cells[::2, 1::2] = regions[:, 1:] == regions[:, :-1]
    connected, count = ndimage.label(cells)
    pieces = connected[::2, ::2].astype(np.intp) - 1
    labels = np.zeros(count, regions.dtype)
    labels[pieces] = regions
    return pieces, labels.tolist()


def _borders(pieces: NDArray[np.intp], count: int) -> list[Counter[int]]:
    """For each piece the pixel sides that it shares with each of its neighbours."""
    pairs = np.concatenate(
        [
            np.stack([one.ravel(), other.ravel()])
            for one, other in ((pieces[1:], pieces[:-1]), (pieces[:, 1:], pieces[:, :-1]))
        ],
        axis=1,
    )
    pairs.sort(axis=0)
    keys, lengths = np.unique((pairs[0] * count + pairs[1])[pairs[0] != pairs[1]], return_counts=True)
    borders: list[Counter[int]] = [Counter() for _ in range(count)]
    for key, length in zip(keys.tolist(), lengths.tolist(), strict=True):
        one, other = divmod(key, count)
        borders[one][other] = borders[other][one] = length
    return borders


def _surrounding(labels: Sequence[int], border: Counter[int]) -> int:
    """The label with the longest border, of equal ones the smallest."""
    lengths: Counter[int] = Counter()
    for piece, length in border.items():
        lengths[labels[piece]] += length
    return min(lengths, key=lambda label: (-lengths[label], label))


def _unite(kept: int, united: Sequence[int], borders: list[Counter[int]]) -> None:
    for piece in united:
        for neighbour, length in borders[piece].items():
            del borders[neighbour][piece]
            if neighbour != kept:
                borders[kept][neighbour] += length
                borders[neighbour][kept] += length
        borders[piece] = Counter()
