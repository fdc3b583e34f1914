"""Images that do not fit memory as a network takes them: each batch is read from their file as it comes."""

from collections.abc import Iterator

import torch
from torch import Tensor


class StreamedImages:
    """Images uint8 [N, C, H, W] that lie in a file, given as float [B, C, H, W], normalised, on a device."""

    def __init__(self, stored: Tensor, mean: Tensor, deviation: Tensor, device: torch.device) -> None:
        self._stored, self._mean, self._deviation, self._device = stored, mean, deviation, device

    @property
    def shape(self) -> torch.Size:
        """[N, C, H, W]."""
        return self._stored.shape

    def __len__(self) -> int:
        return len(self._stored)

    def __getitem__(self, which: Tensor) -> Tensor:
        """The images of these numbers, int64 [B]."""
        return prepared(self._stored[which.cpu()], self._mean, self._deviation, self._device)

    def parts(self, which: slice | Tensor, count: int) -> Iterator[Tensor]:
        """Some of the images, so many at a time."""
        for numbers in torch.arange(len(self))[which].split(count):
            yield self[numbers]


def prepared(images: Tensor, mean: Tensor, deviation: Tensor, device: torch.device) -> Tensor:
    """Images uint8 [N, C, H, W] as a network takes them: float, normalised."""
    values = (images.to(device).float() - mean.to(device)) / deviation.to(device)
    return values.to(device, memory_format=_faster_on(device))


def _faster_on(device: torch.device) -> torch.memory_format:
    """How images lie in memory: a GPU's kernels for float32 are faster with the channels apart."""
    return torch.channels_last if device.type == "cpu" else torch.contiguous_format
