"""The short-time Fourier transform of speech and its inverse as convolutions, since ONNX has no inverse of its own."""

from math import tau

import torch
from torch import Tensor
from torch.nn import functional as F

from rtl_core.networks.speech_unet import BINS, HOP, WINDOW, SpeechUNet, apply_mask


def spectrogram_of(signals: Tensor) -> Tensor:
    """Real and imaginary parts, float [B, 2, 1 + L // 256, 513], of signals, float [B, L], as the network has them."""
    parts = F.conv1d(signals[:, None], _windowed_waves().float()[:, None], stride=HOP, padding=WINDOW // 2)
    of_two_parts: Tensor = parts.unflatten(1, (2, BINS))
    return of_two_parts.transpose(2, 3)


def signals_of(spectrogram: Tensor, length: int) -> Tensor:
    """The signals, float [B, length], that a spectrogram is of, float [B, 2, T, 513].

    As ``torch.istft`` has them: frames, windowed again, are added where they overlap, and divided by their windows'
    squares, which are added likewise.
    """
    bins = torch.arange(BINS)
    times = torch.where((bins == 0) | (bins == BINS - 1), 1, 2)  # a bin between stands for its mirror image as well
    waves = _windowed_waves() * times.repeat(2)[:, None] / WINDOW
    frames = spectrogram.transpose(2, 3).flatten(1, 2)
    added = F.conv_transpose1d(frames, waves.float()[:, None], stride=HOP)
    squares = _window().square().float()[None, None]
    weights = F.conv_transpose1d(torch.ones(1, 1, spectrogram.shape[2]), squares, stride=HOP)
    # the first frame is centred on the first sample; of a slice torch.export would not know how long it is
    samples = torch.arange(WINDOW // 2, WINDOW // 2 + length)
    return added[:, 0].index_select(1, samples) / weights[:, 0].index_select(1, samples)


class SpeechUNetOfConvolutions(SpeechUNet):
    """The network that enhances speech, with these transforms in place of torch's."""

    def at_level_one(self, noisy: Tensor) -> Tensor:
        """As the network that it stands for."""
        spectrogram = spectrogram_of(noisy)
        return signals_of(apply_mask(self.mask(spectrogram), spectrogram), noisy.shape[-1])


def _windowed_waves() -> Tensor:
    """Cosines and negative sines of each bin, under the window: float64 [2 · 513, 1024].

    They are computed where a graph is loaded, so that it does not hold a million numbers: in float64, as a product of
    bin and sample counts up to half a million.
    """
    turns = torch.arange(BINS)[:, None] * torch.arange(WINDOW) % WINDOW
    angles = turns.double() * (tau / WINDOW)
    return torch.cat([angles.cos(), -angles.sin()]) * _window()


def _window() -> Tensor:
    """Hann's, float64 [1024]."""
    return (1 - (torch.arange(WINDOW).double() * (tau / WINDOW)).cos()) / 2
