"""A signal as people look at it: its spectrogram in colour."""

import torch
from torch import Tensor
from torch.nn import functional as F

from rtl_core.networks.speech_unet import RATE, spectrogram_of
from rtl_core.problem import Exhibit, Sound

RANGE_DB = 70.0
"""From the darkest to the brightest; a sine at full scale is at the upper end."""
FULL_SCALE_DB = 48.2
"""Level of a bin for a sine at full scale: 20 log₁₀ of half the window's sum."""
COLOURS = ((0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191))
"""From dark to bright, sRGB at equal steps (after Matplotlib's magma)."""


def spectrogram_picture(signal: Tensor) -> Tensor:
    """Time to the right, 0 to 8 kHz upwards, level as brightness: uint8 [128, W, 3] of a signal, float [L].

    A column is half a hop wide, a row four bins high; the loudest of the four is shown.
    """
    parts = spectrogram_of(signal[None].float())[0]
    power = parts.square().sum(0).transpose(0, 1)[:-1]
    loudest = F.max_pool2d(power[None], (4, 1))[0].flip(0)
    level = (10 * loudest.clamp_min(1e-12).log10() - FULL_SCALE_DB) / RANGE_DB + 1
    table = torch.tensor(COLOURS, dtype=torch.float32)
    place = level.clamp(0, 1) * (len(COLOURS) - 1)
    below = place.long().clamp_max(len(COLOURS) - 2)
    colours = torch.lerp(table[below], table[below + 1], (place - below)[..., None])
    return colours.round().to(torch.uint8).repeat_interleave(2, dim=1)


def sound_exhibit(name: str, signal: Tensor, noisy: Tensor, example: str) -> Exhibit:
    """Each signal [1, L] beside the others at the level that brings the noisy one to full scale."""
    samples = (signal[0] / noisy.abs().max()).clamp(-1, 1)
    return Exhibit(name, spectrogram_picture(samples), Sound(samples, RATE), example)
