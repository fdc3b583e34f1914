"""Training images in small variations: which, the stream of the batches draws."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Augmentation = Literal["flip", "crop"]
CPU = torch.device("cpu")
MARGIN = 8
"""A crop moves an image by up to this part of its side: 4 pixels of 32, as is the custom (He et al. 2016)."""


class Variations:
    """What is drawn for the images of one epoch before its first batch, so that a batch depends on no other."""

    def __init__(
        self,
        kinds: Sequence[Augmentation],
        count: int,
        size: Sequence[int],
        generator: torch.Generator,
        device: torch.device = CPU,
    ) -> None:
        """Draw for ``count`` images of ``size`` (H, W); nothing where there are no ``kinds``."""
        drawn = torch.randint(2, (count,), generator=generator).bool() if "flip" in kinds else None
        self._flipped = drawn if drawn is None else drawn.to(device)
        self._margins = [side // MARGIN for side in size]
        self._moves = None
        if "crop" in kinds:
            moves = [torch.randint(2 * most + 1, (count,), generator=generator) for most in self._margins]
            self._moves = [move.to(device) for move in moves]

    def applied(self, images: Tensor, which: Tensor) -> Tensor:
        """The images float [B, C, H, W], normalised, varied as those numbered ``which`` [B]; their copy, if at all.

        ``flip`` mirrors one in two; ``crop`` moves, and what comes in at the border is 0, the mean.
        """
        if self._flipped is not None:
            flipped = self._flipped[which].reshape(-1, 1, 1, 1)
            images = torch.where(flipped, images.flip(3), images)
        if self._moves is not None:
            images = self._moved(images, [moves[which] for moves in self._moves])
        return images

    def _moved(self, images: Tensor, moves: Sequence[Tensor]) -> Tensor:
        tall, wide = self._margins
        padded = F.pad(images, (wide, wide, tall, tall))
        rows, columns = (
            move.unsqueeze(1) + torch.arange(side, device=images.device)
            for move, side in zip(moves, images.shape[2:], strict=True)
        )
        of_image = torch.arange(len(images), device=images.device).reshape(-1, 1, 1)
        return padded[of_image, :, rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2)
