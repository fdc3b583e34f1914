"""How likely a claim is, from its log-odds: the same number wherever it stands among others."""

import torch
from torch import Tensor


def probability_of(log_odds: Tensor) -> Tensor:
    """The sigmoid, float64 of the same shape, on the CPU.

    That of torch differs in the last bit with an element's place in memory, by which a claim at its threshold could
    depend on what else is asked about.
    """
    from scipy.special import expit  # takes a while to import

    return torch.as_tensor(expit(log_odds.detach().cpu().double().numpy()))
