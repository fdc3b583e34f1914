"""Labelled images of one's own: a folder with a sub-folder of images for each class (torchvision's ImageFolder)."""

import os
from collections import Counter
from collections.abc import Container, Sequence
from itertools import chain, groupby
from math import prod
from operator import itemgetter
from pathlib import Path
from typing import Annotated, NamedTuple
from unicodedata import normalize

import numpy as np
import torch
from PIL import Image, ImageOps
from pydantic import Field
from torch import Tensor

from rtl_core.errors import DataError
from rtl_core.folder_contents import entries_below, entries_in
from rtl_core.left_out import of_other_kinds, several, write_left_out
from rtl_core.problems.images.class_clusters import class_clusters, source_of
from rtl_core.problems.images.image_file import first_frames, open_image, rgb_of
from rtl_core.problems.images.labelled_images import LabelledImages, hold_out
from rtl_core.problems.images.large_images import MOST_IN_MEMORY, new_images
from rtl_core.problems.images.one_vs_rest import OneVsRest
from rtl_core.problems.images.stored_images import save_images
from rtl_core.problems.images.within_cluster import WithinCluster
from rtl_core.problems.share_of import share_of
from rtl_core.problems.source_path import source_path
from rtl_core.randomness import Stream

CHANNELS = 3
OTHER_IMAGES = {".avif", ".heic", ".heif", ".jxl", ".svg", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2"}
"""Suffixes of images that Pillow may not know."""
SPLITS = 3
"""Training, thresholds and testing take an image of each class."""


class ImageFolderData:
    """How a folder of images is read, whatever the job on them."""

    fitted = True

    @classmethod
    def partition(
        cls,
        folder: Path,
        *,
        path: Annotated[
            str, Field(description="folder with a sub-folder for each class; $NAME is read from the environment")
        ] = "",
        image_size: Annotated[
            int,
            Field(ge=0, le=1024, description="pixels a side, of all images; 0: their commonest size"),
        ] = 0,
        clusters: Annotated[
            str,
            Field(description="text, visual, random, or the path of a CSV; empty: each class is a subset"),
        ] = "",
        num_clusters: Annotated[
            int, Field(ge=2, le=50, description="clusters to look for, where their number is free")
        ] = 8,
        encoder: Annotated[str, Field(description="what embeds the names of classes, with clusters: text")] = "wordnet",
        share: Annotated[
            float, Field(gt=0, le=1, description="share of each class's files that is read; three at least")
        ] = 1.0,
        test_share: Annotated[float, Field(gt=0, lt=1, description="share of each class kept for testing")] = 0.2,
        validation_share: Annotated[
            float, Field(gt=0, lt=1, description="share of the rest kept for choosing thresholds")
        ] = 0.1,
        seed: Annotated[int, Field(ge=0, description="seed of the split and of the clusters")] = 0,
    ) -> None:
        """Write the images, one channel if all of them are grey, and say which could not be read.

        Each is scaled to cover the one size that all get, and cut about its centre.

        Raises:
            DataError: the folder is missing, has fewer than two classes or too few readable images of one, or its
                classes cannot be clustered so.
        """
        everything, classes, left_out = read_image_folder(path, image_size, share)
        stream = Stream(seed).at(problem="images")
        rest, test = hold_out(everything, test_share, stream.at(split="test"))
        train, validation = hold_out(rest, validation_share, stream.at(split="validation"))
        clustered = None
        if clusters:
            clustered = class_clusters(clusters, train, classes, num_clusters=num_clusters, encoder=encoder, seed=seed)
        save_images(folder, {"train": train, "validation": validation, "test": test}, classes, clustered)
        write_left_out(folder, left_out)

    @classmethod
    def source_files(cls, *, path: str = "", clusters: str = "", encoder: str = "wordnet", **_: object) -> list[Path]:
        """Every image, and what the clusters are read from."""
        images = [file for file, _ in _samples(path)[1]]
        return [*images, *(source_of(clusters, encoder) if clusters else [])]


class ImageFolder(ImageFolderData, OneVsRest):
    """One ticket per class, or per cluster of classes: is the image of it, or not?"""


class ImageFolderWithin(ImageFolderData, WithinCluster):
    """One ticket per cluster, which is known: of which of its classes is the image?"""


class _Readable(NamedTuple):
    """A file of an image that can be read, its size (W, H) and, of so many as fit memory, the image."""

    file: Path
    size: tuple[int, int]
    picture: Image.Image | None


def read_image_folder(name: str, image_size: int, share: float = 1.0) -> tuple[LabelledImages, list[str], list[str]]:
    """The images of a folder, in the order of their paths, its classes, and lines on what is left out or assumed.

    Args:
        name: the folder; $NAME is read from the environment.
        image_size: pixels a side; 0 takes the commonest size among the images, of equally common ones the larger.
        share: of the files of each class; others are looked at in the place of those that cannot be read.

    Raises:
        DataError: the folder is missing, has fewer than two classes, a class with fewer than three readable images,
            or a link to a folder; or there is no room for the images.
    """
    classes, samples = _samples(name)
    readable: list[_Readable] = []
    labels, left_out, held = [], _passed_over(name, {file for file, _ in samples}), 0
    for label, of_class in groupby(samples, key=itemgetter(1)):
        files = [file for file, _ in of_class]
        picked = share_of(files, share, SPLITS)
        others = sorted({*files} - {*picked})  # read in the place of those that cannot be
        wanted = len(readable) + len(picked)
        for file in chain(picked, others):
            if len(readable) == wanted:
                break
            try:
                picture = _picture(file, image_size)
            except DataError as problem:
                left_out.append(str(problem).replace(str(_root(name)), name))
                continue
            held += CHANNELS * prod(picture.size)
            readable.append(_Readable(file, picture.size, picture if held <= MOST_IN_MEMORY else None))
            labels.append(label)
    _check_counts(name, classes, labels, left_out)
    left_out += first_frames({one.file: f"{name}/{one.file.relative_to(_root(name))}" for one in readable})
    return LabelledImages(_stacked(readable, image_size), torch.tensor(labels)), classes, left_out


def _samples(name: str) -> tuple[list[str], list[tuple[Path, int]]]:
    """The classes of a folder, and its files with the class of each."""
    from torchvision.datasets.folder import IMG_EXTENSIONS  # takes seconds to import

    if not name:
        raise DataError("partition.path is empty; allowed: a folder with a sub-folder of images for each class")
    root = _root(name)
    if not os.path.isdir(root):
        raise DataError(f"{root}: not found; partition.path must be a folder with a sub-folder for each class")
    folders = [path for path in entries_in(root) if path.is_dir()]
    if len(folders) < 2:
        raise DataError(f"{root}: found {len(folders)} class(es), one a sub-folder; allowed: 2 and more")
    _check_links(root)
    samples = [
        (file, label)
        for label, folder in enumerate(folders)
        for file in sorted(entries_below(folder), key=lambda path: (str(path.parent), path.name))
        if file.name.lower().endswith(IMG_EXTENSIONS) and not file.is_dir()
    ]
    classes = [normalize("NFC", folder.name) for folder in folders]
    if twice := next((name for name in classes if classes.count(name) > 1), None):
        raise DataError(f"{root}: found the class {twice!r} twice, its letters composed in two ways; allowed: once")
    return classes, samples


def _passed_over(name: str, taken: Container[Path]) -> list[str]:
    """A line for all images that are in no class's folder, and one for each kind that torchvision does not take."""
    from torchvision.datasets.folder import IMG_EXTENSIONS

    root, kinds = _root(name), OTHER_IMAGES.union(Image.registered_extensions())
    passed = [
        path
        for path in sorted(entries_below(root))
        if path not in taken and path.is_file() and path.suffix.lower() in kinds
    ]
    stray: list[str] = []
    others: list[str] = []
    for path in passed:
        of_kind = stray if path.suffix.lower() in IMG_EXTENSIONS else others
        of_kind.append(f"{name}/{path.relative_to(root)}")
    told = f"{several(stray)}: found in no class's folder; allowed: one sub-folder for each class" if stray else ""
    return [*filter(None, [told]), *of_other_kinds(others, IMG_EXTENSIONS)]


def _check_links(root: Path) -> None:
    """Refuse links to folders, which may lead round for ever, and what has no end."""
    for path in entries_below(root):
        if path.is_symlink() and path.is_dir():
            raise DataError(f"{path}: found a link to a folder; allowed: links to files")
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise DataError(f"{path}: found neither a file nor a folder; allowed: these")


def _root(name: str) -> Path:
    return Path(os.path.abspath(source_path(name, "partition.path")))  # its name is then nowhere in a message by chance


def _check_counts(name: str, classes: Sequence[str], labels: Sequence[int], left_out: Sequence[str]) -> None:
    counts = Counter(labels)
    for label, title in enumerate(classes):
        if counts[label] < SPLITS:
            first = f"; the first that is not: {left_out[0]}" if left_out else ""
            raise DataError(
                f"{name}: class {title!r}: found {counts[label]} readable image(s); "
                f"allowed: {SPLITS} and more, for training, thresholds and testing{first}"
            )


def _picture(file: Path, image_size: int) -> Image.Image:
    picture = rgb_of(open_image(file), file)
    return ImageOps.fit(picture, (image_size, image_size)) if image_size else picture


def _stacked(readable: Sequence[_Readable], image_size: int) -> Tensor:
    """RGB images of the commonest size as uint8 [N, 3, H, W], or [N, 1, H, W] if all of them are grey."""
    size = _commonest_size([one.size for one in readable])
    images, is_grey = new_images((len(readable), CHANNELS, size[1], size[0])), True
    for number, one in enumerate(readable):
        picture = one.picture or _picture(one.file, image_size)
        fitted = picture if picture.size == size else ImageOps.fit(picture, size)
        images[number] = torch.from_numpy(np.array(fitted)).permute(2, 0, 1)
        is_grey = is_grey and bool((images[number] == images[number, :1]).all())
    return images[:, :1] if is_grey else images


def _commonest_size(all_sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    sizes = Counter(all_sizes)
    return max(sizes, key=lambda size: (sizes[size], size))
