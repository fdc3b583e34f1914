"""What a labelled image data set is on disk, split for training, thresholds and testing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rtl_core.errors import DataError
from rtl_core.randomness import Stream

FILE = "images.safetensors"


@dataclass(frozen=True)
class LabelledImages:
    """Images uint8 [N, C, H, W] and the class of each, int64 [N]."""

    images: Tensor
    labels: Tensor

    def __getitem__(self, index: Tensor) -> "LabelledImages":
        return LabelledImages(self.images[index], self.labels[index])

    def __len__(self) -> int:
        return len(self.labels)


def check_images(data: LabelledImages, classes: Sequence[str], name: str) -> None:
    """Check that images and labels belong together.

    Raises:
        DataError: counts differ, a label is out of range, or a class has no example.
    """
    if len(data.images) != len(data.labels):
        raise DataError(f"{name}: {len(data.images)} images but {len(data.labels)} labels")
    if data.images.dtype != torch.uint8 or data.images.ndim != 4:
        raise DataError(f"{name}: images are uint8 [N, C, H, W]; found {data.images.dtype} {list(data.images.shape)}")
    outside = (data.labels < 0) | (data.labels >= len(classes))
    if outside.any():
        bad = int(data.labels[outside][0])
        raise DataError(f"{name}: label {bad} is out of range; allowed: 0 to {len(classes) - 1}")
    counts = torch.bincount(data.labels, minlength=len(classes))
    if (counts == 0).any():
        raise DataError(f"{name}: subset {classes[int(counts.argmin())]!r} has no samples")


def hold_out(data: LabelledImages, share: float, stream: Stream) -> tuple[LabelledImages, LabelledImages]:
    """Split off a share of every class, at least one image of each: what is kept, and what is held out."""
    generator = stream.generator()
    held = torch.zeros(len(data), dtype=torch.bool)
    for label in data.labels.unique():
        members = (data.labels == label).nonzero().squeeze(1)
        count = max(1, round(share * len(members)))
        held[members[torch.randperm(len(members), generator=generator)[:count]]] = True
    return data[~held], data[held]


def save_images(folder: Path, splits: dict[str, LabelledImages], classes: Sequence[str]) -> None:
    """Write the splits (``train``, ``validation``, ``test``) and the class names.

    Raises:
        DataError: a split is not sound (see check_images).
    """
    tensors: dict[str, Tensor] = {}
    for split, data in splits.items():
        check_images(data, classes, f"{split} split")
        tensors |= {f"{split}.images": data.images.contiguous(), f"{split}.labels": data.labels}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / FILE, {"classes": json.dumps(list(classes))})


def load_images(folder: Path) -> tuple[dict[str, LabelledImages], tuple[str, ...]]:
    """Read what ``save_images`` wrote.

    Raises:
        DataError: the file is missing, damaged or unsound.
    """
    path = folder / FILE
    if not path.is_file():
        raise DataError(f"{path}: not found; run the partition stage first")
    try:
        with safe_open(path, "pt") as file:
            classes = tuple(json.loads(file.metadata()["classes"]))
            splits = {
                split: LabelledImages(file.get_tensor(f"{split}.images"), file.get_tensor(f"{split}.labels"))
                for split in ("train", "validation", "test")
            }
    except (SafetensorError, KeyError, ValueError, TypeError) as problem:
        raise DataError(f"{path}: not a data set of this project ({problem})") from problem
    for split, data in splits.items():
        check_images(data, classes, f"{path} {split}")
    return splits, classes
