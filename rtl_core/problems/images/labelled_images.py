"""What labelled images are, and how they are split for training, thresholds and testing."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rtl_core.errors import DataError
from rtl_core.problems.images.large_images import taken
from rtl_core.randomness import Stream


@dataclass(frozen=True)
class LabelledImages:
    """Images uint8 [N, C, H, W] and the class of each, int64 [N]."""

    images: Tensor
    labels: Tensor

    def __getitem__(self, index: Tensor) -> "LabelledImages":
        return LabelledImages(taken(self.images, index), self.labels[index])

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
        raise DataError(f"{name}: class {classes[int(counts.argmin())]!r} has no samples")


def hold_out(data: LabelledImages, share: float, stream: Stream) -> tuple[LabelledImages, LabelledImages]:
    """Split off a share of every class, at least one image of each: what is kept, and what is held out."""
    generator = stream.generator()
    held = torch.zeros(len(data), dtype=torch.bool)
    for label in data.labels.unique():
        members = (data.labels == label).nonzero().squeeze(1)
        count = max(1, round(share * len(members)))
        held[members[torch.randperm(len(members), generator=generator)[:count]]] = True
    return data[~held], data[held]
