"""CIFAR-10 with one ticket per class, from plain arrays or from torchvision's own download."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field

from rtl_core.errors import DataError
from rtl_core.problems.labelled_images import LabelledImages, check_images, hold_out, save_images
from rtl_core.problems.one_vs_rest import OneVsRest
from rtl_core.problems.source_path import source_path
from rtl_core.randomness import Stream


class Cifar10(OneVsRest):
    """Ten subsets, one a class (paper section 2)."""

    @classmethod
    def partition(
        cls,
        folder: Path,
        *,
        source: Annotated[
            Literal["npz", "torchvision"],
            Field(description="train.npz and test.npz, or torchvision's archive"),
        ] = "npz",
        path: Annotated[
            str, Field(description="folder of the source; $NAME is read from the environment")
        ] = "$RTL_DATA/cifar10",
        share: Annotated[float, Field(gt=0, le=1, description="share of each class that is used")] = 1.0,
        validation_share: Annotated[
            float, Field(gt=0, lt=1, description="share of the training images kept for choosing thresholds")
        ] = 0.1,
        seed: Annotated[int, Field(ge=0, description="seed of the split")] = 0,
    ) -> None:
        read = read_npz if source == "npz" else read_torchvision
        stream = Stream(seed).at(problem="cifar10")
        source_folder = source_path(path, "partition.path")
        train, classes = read(source_folder, "train")
        test, test_classes = read(source_folder, "test")
        if test_classes != classes:
            raise DataError(f"{source_folder}: train and test name different classes")
        if share < 1:
            train, test = (hold_out(d, share, stream.at(share=s))[1] for d, s in ((train, "train"), (test, "test")))
        train, validation = hold_out(train, validation_share, stream.at(split="validation"))
        save_images(folder, {"train": train, "validation": validation, "test": test}, classes)

    @classmethod
    def source_files(cls, *, source: str = "npz", path: str = "$RTL_DATA/cifar10", **_: object) -> list[Path]:
        if source != "npz":
            return []
        return [source_path(path, "partition.path") / f"{split}.npz" for split in ("train", "test")]


def read_npz(folder: Path, split: str) -> tuple[LabelledImages, list[str]]:
    """Read ``train.npz`` or ``test.npz``: images uint8 [N, 32, 32, 3], labels int [N], classes str [C].

    Raises:
        DataError: the folder or file is missing, truncated, or holds something else.
    """
    path = folder / f"{split}.npz"
    if not path.is_file():
        raise DataError(f"{path}: not found; partition.path must be a folder with train.npz and test.npz")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            images, labels = arrays["images"], arrays["labels"]
            classes = [str(name) for name in np.atleast_1d(arrays["classes"])]
    except Exception as problem:  # whatever NumPy, zip and zlib make of bytes that are not theirs
        raise DataError(f"{path}: not readable as images, labels and classes ({problem})") from problem
    if (
        images.dtype != np.uint8
        or images.ndim != 4
        or images.shape[3] != 3
        or labels.dtype.kind not in "iu"
        or labels.ndim != 1
    ):
        raise DataError(
            f"{path}: found images {images.dtype} {list(images.shape)} and labels {labels.dtype} "
            f"{list(labels.shape)}; "
            "expected uint8 [N, H, W, 3] and integers [N]"
        )
    data = LabelledImages(torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(labels.astype(np.int64)))
    check_images(data, classes, str(path))
    return data, classes


def read_torchvision(folder: Path, split: str) -> tuple[LabelledImages, list[str]]:
    """Read torchvision's CIFAR-10, downloading the archive where the folder lacks it (its digest is checked).

    Raises:
        DataError: it cannot be downloaded, or the archive is damaged.
    """
    from torchvision.datasets import CIFAR10

    try:
        source = CIFAR10(str(folder), train=split == "train", download=True)
    except (OSError, RuntimeError) as problem:
        raise DataError(f"{folder}: torchvision could not provide CIFAR-10 ({problem})") from problem
    images = torch.from_numpy(source.data).permute(0, 3, 1, 2)
    return LabelledImages(images, torch.tensor(source.targets)), source.classes
