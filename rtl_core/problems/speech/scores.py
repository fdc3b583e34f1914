"""How much better enhanced speech is than noisy speech."""

from collections.abc import Sequence
from math import nan
from typing import Literal

import torch
from torch import Tensor

from rtl_core.networks.speech_unet import RATE

Perceptual = Literal["stoi", "pesq"]
NOTHING_DONE = {"si_snri": 0.0, "sdri": 0.0}
"""What the noisy signal itself scores, where that is known beforehand."""
NO_SPEECH = 1e-5
"""What pystoi answers, with a warning, where it finds less than .4 s of speech."""


def improvements(
    noisy: Tensor, clean: Tensor, enhanced: Tensor, perceptual: Sequence[Perceptual] = ()
) -> dict[str, list[float]]:
    """Figures of each of B signals, float [B, L] at 16 kHz.

    Returns:
        ``si_snri`` and ``sdri``: by how many dB the scale-invariant ratio of signal to noise, and that of signal to
        distortion (BSS eval), are better than the noisy signal's. As asked for, ``stoi`` (0 to 1) and ``pesq``
        (wide band, 1 to 4.64) of the enhanced signal itself; NaN where there is too little speech for them.
    """
    improved = {
        "si_snri": si_snr_improvement(noisy, clean, enhanced).tolist(),
        "sdri": (_sdr(enhanced, clean) - _sdr(noisy, clean)).tolist(),
    }
    if "stoi" in perceptual:
        improved["stoi"] = _stoi(enhanced, clean)
    if "pesq" in perceptual:
        improved["pesq"] = [_pesq(one, target) for one, target in zip(enhanced, clean, strict=True)]
    return improved


def si_snr_improvement(noisy: Tensor, clean: Tensor, enhanced: Tensor) -> Tensor:
    """By how many dB the scale-invariant ratio of signal to noise is better, float [B], of signals float [B, L]."""
    from torchmetrics.functional.audio import scale_invariant_signal_noise_ratio  # takes seconds to import

    before, after = (scale_invariant_signal_noise_ratio(signals, clean) for signals in (noisy, enhanced))
    return after - before


def _sdr(signals: Tensor, clean: Tensor) -> Tensor:
    """One signal at a time: on several threads, MKL refuses to solve for a batch of them."""
    from torchmetrics.functional.audio import signal_distortion_ratio

    return torch.stack([signal_distortion_ratio(one, target) for one, target in zip(signals, clean, strict=True)])


def _stoi(enhanced: Tensor, clean: Tensor) -> list[float]:
    from torchmetrics.functional.audio.stoi import short_time_objective_intelligibility

    values: list[float] = short_time_objective_intelligibility(enhanced, clean, RATE).tolist()
    return [value if value > NO_SPEECH else nan for value in values]


def _pesq(enhanced: Tensor, clean: Tensor) -> float:
    from pesq import PesqError
    from torchmetrics.functional.audio.pesq import perceptual_evaluation_speech_quality

    try:
        return float(perceptual_evaluation_speech_quality(enhanced, clean, RATE, "wb"))
    except PesqError:
        return nan
