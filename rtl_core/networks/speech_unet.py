"""A network that enhances speech: a complex-ratio mask over the spectrogram, by a U-Net (paper section 4)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtl_core.networks.initialisation import initialise

RATE = 16_000
"""Samples per second."""
WINDOW, HOP = 1024, 256
"""Samples of the Fourier transform's Hann window, and from one to the next."""
BINS = WINDOW // 2 + 1
CONTEXT = 10
"""Frames on each side that the mask of a frame depends on: ten layers see one further each."""
SIGNALS_AT_A_TIME = 8
"""Of those that are enhanced one beside another, in scoring and after."""
SILENCE = 1e-5
"""Root mean square of a signal that is amplified no further."""

ENCODER = ((2, 12, 5), (12, 12, 3), (12, 12, 3), (12, 24, 3), (24, 48, 3))
DECODER = ((48, 24, 3), (48, 12, 3), (24, 12, 3), (24, 12, 3), (24, 2, 5))
"""Channels in, channels out, and how many bins a kernel spans; each spans three frames. From the second layer on,
the decoder's inputs are the layer before and, side by side with it, the encoder's output of the same size."""


def level_of(signals: Tensor) -> Tensor:
    """Root mean square over time, float […, 1], of signals, float […, L]; silence counts as a level of 10⁻⁵."""
    return signals.square().mean(-1, keepdim=True).sqrt().clamp_min(SILENCE)


def spectrogram_of(signals: Tensor) -> Tensor:
    """Short-time Fourier transform of signals, float [B, L]: real and imaginary parts, float [B, 2, 1 + L // 256, 513].

    Frames are centred on every 256th sample; beyond both ends there is silence.
    """
    window = torch.hann_window(WINDOW, device=signals.device)
    bins = torch.stft(signals, WINDOW, HOP, window=window, pad_mode="constant", return_complex=True)
    return torch.view_as_real(bins.transpose(1, 2)).movedim(-1, 1)


def signals_of(spectrogram: Tensor, length: int) -> Tensor:
    """The signals, float [B, length], that a spectrogram is of, float [B, 2, T, 513]."""
    window = torch.hann_window(WINDOW, device=spectrogram.device)
    values = torch.view_as_complex(spectrogram.movedim(1, -1).contiguous()).transpose(1, 2)
    return torch.istft(values, WINDOW, HOP, window=window, length=length)


def apply_mask(mask: Tensor, spectrogram: Tensor) -> Tensor:
    """The complex product of a mask and a spectrogram, each as real and imaginary parts, float [B, 2, T, 513]."""
    a, b = mask.unbind(1)
    c, d = spectrogram.unbind(1)
    return torch.stack([a * c - b * d, a * d + b * c], dim=1)


class SpeechUNet(nn.Module):
    """Ten convolutions, 37,368 weights: five that halve the number of bins and five, transposed, that double it.

    ELU, then batch normalisation, after each but the last.

    Args:
        generator: θ₀ is drawn from it alone.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(
            nn.Conv2d(a, b, (3, span), stride=(1, 2), padding=(1, span // 2)) for a, b, span in ENCODER
        )
        self.decoder = nn.ModuleList(
            nn.ConvTranspose2d(a, b, (3, span), stride=(1, 2), padding=(1, span // 2)) for a, b, span in DECODER
        )
        self.encoder_norms = nn.ModuleList(nn.BatchNorm2d(b) for _, b, _ in ENCODER)
        self.decoder_norms = nn.ModuleList(nn.BatchNorm2d(b) for _, b, _ in DECODER[:-1])
        initialise(self, generator)

    def forward(self, noisy: Tensor) -> Tensor:
        """Enhanced signals, float [B, L], from noisy ones at 16 kHz, float [B, L], at any level."""
        level = level_of(noisy)
        return level * self.at_level_one(noisy / level)

    def at_level_one(self, noisy: Tensor) -> Tensor:
        """Enhanced signals, float [B, L], from noisy ones of level 1, float [B, L]."""
        spectrogram = spectrogram_of(noisy)
        return signals_of(apply_mask(self.mask(spectrogram), spectrogram), noisy.shape[-1])

    def mask(self, spectrogram: Tensor) -> Tensor:
        """A complex mask with magnitudes below one, float [B, 2, T, 513], for signals of level 1 (Choi et al. 2019)."""
        x, skipped = spectrogram, []
        for layer, norm in zip(self.encoder, self.encoder_norms, strict=True):
            x = norm(F.elu(layer(x)))
            skipped.append(x)
        x = skipped.pop()
        for number, (layer, norm) in enumerate(zip(self.decoder, self.decoder_norms, strict=False)):
            x = norm(F.elu(layer(torch.cat([x, skipped.pop()], dim=1) if number else x)))
        bounded: Tensor = self.decoder[-1](torch.cat([x, skipped.pop()], dim=1))
        magnitude = (bounded.square().sum(1, keepdim=True) + 1e-12).sqrt()
        return bounded * (magnitude.tanh() / magnitude)


class InterleavedTranspose(nn.ConvTranspose2d):
    """A transposed convolution over bins with a stride of 2 as a plain one whose outputs are the even and the odd bins.

    What it returns is the same up to rounding; in bfloat16, torch is slow at transposed ones (see its benchmark).
    """

    published = nn.ConvTranspose2d

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Float [B, C, T, 2 F - 1] from float [B, C', T, F]."""
        padding = int(self.padding[1])
        left, right = padding // 2, (padding + 1) // 2
        weight = self.weight.flip(2, 3).transpose(0, 1)
        even = F.pad(weight[..., padding % 2 :: 2], (0, right - left))
        odd = F.pad(weight[..., (padding + 1) % 2 :: 2], (left - (padding - 1) // 2, 0))
        bias = None if self.bias is None else self.bias.repeat(2)
        interleaved = F.conv2d(F.pad(x, (left, right)), torch.cat([even, odd]), bias, padding=(int(self.padding[0]), 0))
        side_by_side = interleaved.movedim(1, -1)  # [B, T, F, 2 C], as it lies in memory with channels last
        bins: Tensor = side_by_side.unflatten(-1, (2, -1)).flatten(2, 3)[:, :, :-1]
        return bins.movedim(-1, 1)


class HalfPrecisionUNet(SpeechUNet):
    """The same network, which trains with its convolutions in bfloat16 (weights, transforms and scores are float32).

    The plain reference of the benchmark is the network in float32.
    """

    published = SpeechUNet

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__(generator)
        for layer in self.decoder:
            layer.__class__ = InterleavedTranspose

    def mask(self, spectrogram: Tensor) -> Tensor:
        """As the network that it speeds up."""
        with torch.autocast(spectrogram.device.type, torch.bfloat16, enabled=self.training):
            return super().mask(spectrogram.contiguous(memory_format=torch.channels_last)).float()


def speech_unet(precision: str, generator: torch.Generator) -> SpeechUNet:
    """A network that trains in ``float32`` or ``bfloat16``."""
    return {"float32": SpeechUNet, "bfloat16": HalfPrecisionUNet}[precision](generator)
