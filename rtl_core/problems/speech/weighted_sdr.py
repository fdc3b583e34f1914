"""The loss of speech enhancement: the weighted signal-to-distortion ratio (Choi et al. 2019; paper section 4)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def weighted_sdr(noisy: Tensor, clean: Tensor, enhanced: Tensor) -> Tensor:
    """wSDR of each signal, float [B], from -1, where it is perfect, to 1; arguments are float [B, L].

    The cosine between the speech and its estimate, and that between the noise and what was taken away, each weighted
    by the energy of what is to be found, with the sign turned.
    """
    noise, removed = noisy - clean, noisy - enhanced
    of_speech, of_noise = clean.square().sum(-1), noise.square().sum(-1)
    share = of_speech / (of_speech + of_noise).clamp_min(torch.finfo(clean.dtype).tiny)
    return -share * _cosine(clean, enhanced) - (1 - share) * _cosine(noise, removed)


def enhancement_loss(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Mean wSDR of a network on noisy and clean signals, float [B, L] each."""
    noisy, clean = batch
    return weighted_sdr(noisy, clean, network(noisy)).mean()


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    return F.cosine_similarity(a, b, dim=-1, eps=1e-8)
