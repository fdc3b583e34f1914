"""How much better enhanced speech is than noisy speech."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from rtl_core.networks.speech_unet import RATE

Perceptual = Literal["stoi", "pesq"]


def improvements(
    noisy: Tensor, clean: Tensor, enhanced: Tensor, perceptual: Sequence[Perceptual] = ()
) -> dict[str, list[float]]:
    """Figures of each of B signals, float [B, L] at 16 kHz.

    Returns:
        ``si_snri`` and ``sdri``: by how many dB the scale-invariant ratio of signal to noise, and that of signal to
        distortion (BSS eval), are better than the noisy signal's. As asked for, ``stoi`` (0 to 1) and ``pesq``
        (wide band, 1 to 4.64) of the enhanced signal itself.
    """
    from torchmetrics.functional.audio import scale_invariant_signal_noise_ratio  # takes seconds to import

    found = {
        "si_snri": scale_invariant_signal_noise_ratio(enhanced, clean)
        - scale_invariant_signal_noise_ratio(noisy, clean),
        "sdri": _sdr(enhanced, clean) - _sdr(noisy, clean),
    }
    if "stoi" in perceptual:
        from torchmetrics.functional.audio.stoi import short_time_objective_intelligibility

        found["stoi"] = short_time_objective_intelligibility(enhanced, clean, RATE)
    if "pesq" in perceptual:
        from torchmetrics.functional.audio.pesq import perceptual_evaluation_speech_quality

        found["pesq"] = perceptual_evaluation_speech_quality(enhanced, clean, RATE, "wb")
    return {metric: values.tolist() for metric, values in found.items()}


def _sdr(signals: Tensor, clean: Tensor) -> Tensor:
    """One signal at a time: on several threads, MKL refuses to solve for a batch of them."""
    from torchmetrics.functional.audio import signal_distortion_ratio

    return torch.stack([signal_distortion_ratio(one, target) for one, target in zip(signals, clean, strict=True)])
