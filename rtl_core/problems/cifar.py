"""CIFAR-10 and CIFAR-100, from plain arrays or from torchvision's own download."""

import os
from collections.abc import Mapping
from math import prod
from pathlib import Path
from textwrap import shorten
from typing import Annotated, Any, Literal
from zipfile import ZipFile

import numpy as np
import torch
from pydantic import Field

from rtl_core.errors import DataError
from rtl_core.problems.images.class_clusters import agreement, class_clusters, source_of
from rtl_core.problems.images.image_classification import ImageClassification
from rtl_core.problems.images.labelled_images import LabelledImages, check_images, hold_out
from rtl_core.problems.images.npz_file import ArrayHeader, array_header, read_array
from rtl_core.problems.images.one_vs_rest import OneVsRest
from rtl_core.problems.images.stored_images import save_images
from rtl_core.problems.images.within_cluster import WithinCluster
from rtl_core.problems.source_path import source_path
from rtl_core.randomness import Stream

Source = Annotated[Literal["npz", "torchvision"], Field(description="train.npz and test.npz, or torchvision's archive")]
SourcePath = Annotated[str, Field(description="folder of the source; $NAME is read from the environment")]
Share = Annotated[float, Field(gt=0, le=1, description="share of each class that is used")]
ValidationShare = Annotated[
    float, Field(gt=0, lt=1, description="share of the training images kept for choosing thresholds")
]

ARRAYS = ("images", "labels", "classes")
MOST_IMAGES, MOST_BYTES = 1 << 20, 1 << 30
"""Most of an npz file: its images, and its three arrays once they are unpacked."""


class Cifar10(OneVsRest):
    """Ten subsets, one a class (paper section 2)."""

    @classmethod
    def partition(
        cls,
        folder: Path,
        *,
        source: Source = "npz",
        path: SourcePath = "$RTL_DATA/cifar10",
        share: Share = 1.0,
        validation_share: ValidationShare = 0.1,
        seed: Annotated[int, Field(ge=0, description="seed of the split")] = 0,
    ) -> None:
        stream = Stream(seed).at(problem="cifar10")
        save_images(folder, *_read_splits("CIFAR10", source, path, share, validation_share, stream))

    @classmethod
    def source_files(cls, *, source: str = "npz", path: str = "$RTL_DATA/cifar10", **_: object) -> list[Path]:
        return _files(source, path)


class Cifar100Data(ImageClassification):
    """How CIFAR-100 is read and its 100 classes are clustered, whatever the job on them."""

    @classmethod
    def partition(
        cls,
        folder: Path,
        *,
        source: Source = "npz",
        path: SourcePath = "$RTL_DATA/cifar100",
        share: Share = 1.0,
        validation_share: ValidationShare = 0.1,
        clusters: Annotated[
            str, Field(description="paper, superclass, text, visual, random, shuffled, or the path of a CSV")
        ] = "paper",
        num_clusters: Annotated[
            int, Field(ge=2, le=50, description="clusters to look for, where their number is free")
        ] = 8,
        encoder: Annotated[str, Field(description="what embeds the names of classes, with clusters: text")] = "wordnet",
        seed: Annotated[int, Field(ge=0, description="seed of the split and of the clusters")] = 0,
    ) -> None:
        stream = Stream(seed).at(problem="cifar100")
        splits, classes = _read_splits("CIFAR100", source, path, share, validation_share, stream)
        clustered = class_clusters(
            clusters, splits["train"], classes, num_clusters=num_clusters, encoder=encoder, seed=seed
        )
        save_images(folder, splits, classes, clustered)

    @classmethod
    def source_files(
        cls,
        *,
        source: str = "npz",
        path: str = "$RTL_DATA/cifar100",
        clusters: str = "paper",
        encoder: str = "wordnet",
        **_: object,
    ) -> list[Path]:
        return [*_files(source, path), *source_of(clusters, encoder)]

    @property
    def facts(self) -> Mapping[str, Any]:
        """The classes of each cluster, and how far the clusters agree with the paper's and with the superclasses."""
        return {**super().facts, "adjusted_rand_index": agreement(self.cluster_of.tolist(), self.classes)}


class Cifar100(Cifar100Data, OneVsRest):
    """One ticket per cluster of classes: is the image of it, or not? (paper section 2)"""


class Cifar100Within(Cifar100Data, WithinCluster):
    """One ticket per cluster, which is known: of which of its classes is the image?"""


def _read_splits(
    name: str, source: str, path: str, share: float, validation_share: float, stream: Stream
) -> tuple[dict[str, LabelledImages], list[str]]:
    """Training, validation and test images of torchvision's data set ``name``, and its classes."""
    folder = source_path(path, "partition.path")
    (train, classes), (test, test_classes) = (
        read_npz(folder, split) if source == "npz" else read_torchvision(name, folder, split)
        for split in ("train", "test")
    )
    if test_classes != classes:
        raise DataError(f"{folder}: train and test name different classes")
    if share < 1:
        train, test = (hold_out(d, share, stream.at(share=s))[1] for d, s in ((train, "train"), (test, "test")))
    train, validation = hold_out(train, validation_share, stream.at(split="validation"))
    return {"train": train, "validation": validation, "test": test}, classes


def _files(source: str, path: str) -> list[Path]:
    """The two files, or what torchvision has downloaded so far."""
    folder = source_path(path, "partition.path")
    if source == "npz":
        return [folder / f"{split}.npz" for split in ("train", "test")]
    return sorted(file for pattern in ("cifar-*", "cifar-*/*") for file in folder.glob(pattern) if file.is_file())


def read_npz(folder: Path, split: str) -> tuple[LabelledImages, list[str]]:
    """Read ``train.npz`` or ``test.npz``: images uint8 [N, 32, 32, 3], labels int [N], classes str [C].

    Raises:
        DataError: the folder or file is missing, truncated, or holds something else or more than MOST_IMAGES and
            MOST_BYTES allow.
    """
    path = folder / f"{split}.npz"
    if not os.path.isfile(path):
        raise DataError(f"{path}: not found; partition.path must be a folder with train.npz and test.npz")
    try:
        with path.open("rb") as file, ZipFile(file) as archive:
            _check_headers({name: array_header(archive, name) for name in ARRAYS}, path)
            images, labels, classes = (read_array(archive, name) for name in ARRAYS)
            names = [str(name) for name in np.atleast_1d(classes).ravel()]
    except DataError:
        raise
    except Exception as problem:  # whatever NumPy, zip and zlib make of bytes that are not theirs
        reason = shorten(str(problem), 200)
        raise DataError(f"{path}: not readable as images, labels and classes ({reason})") from problem
    data = LabelledImages(torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(labels.astype(np.int64)))
    for name in names:
        if not name or not name.isprintable():
            raise DataError(f"{path}: found the class name {name[:40]!r}; allowed: printable text")
    check_images(data, names, str(path))
    return data, names


def _check_headers(headers: dict[str, ArrayHeader], path: Path) -> None:
    images, labels, classes = headers.values()
    if (
        images.dtype != np.uint8
        or len(images.shape) != 4
        or images.shape[3] != 3
        or labels.dtype.kind not in "iu"
        or len(labels.shape) != 1
    ):
        raise DataError(
            f"{path}: found images {images.dtype} {list(images.shape)} and labels {labels.dtype} "
            f"{list(labels.shape)}; "
            "expected uint8 [N, H, W, 3] and integers [N]"
        )
    count = max(images.shape[0], labels.shape[0], prod(classes.shape))
    size = images.size + labels.size + classes.size
    if count > MOST_IMAGES or size > MOST_BYTES:
        raise DataError(
            f"{path}: found {count} images, labels or classes and {size} bytes when unpacked; "
            f"allowed: up to {MOST_IMAGES} and {MOST_BYTES}"
        )


def read_torchvision(name: str, folder: Path, split: str) -> tuple[LabelledImages, list[str]]:
    """Read torchvision's CIFAR10 or CIFAR100, downloading the archive, of known digest, where the folder lacks it.

    Raises:
        DataError: it cannot be downloaded, or the archive is damaged.
    """
    from torchvision import datasets

    try:
        source = getattr(datasets, name)(str(folder), train=split == "train", download=True)
    except (OSError, RuntimeError) as problem:
        raise DataError(f"{folder}: torchvision could not provide {name} ({problem})") from problem
    images = torch.from_numpy(source.data).permute(0, 3, 1, 2)
    return LabelledImages(images, torch.tensor(source.targets)), source.classes
