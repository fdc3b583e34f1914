"""What makes the scores of different tickets comparable: scales and offsets fitted on validation examples.

Labels are smoothed as if one more example of each kind had been seen (Platt 1999), so that none of these grows without
bound where every validation example is right.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Bounds = tuple[float | None, float | None]
POSITIVE: Bounds = (1e-3, 1e3)


def temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature T by which logits float [N, C], divided, say how likely each class is.

    It minimises the negative log-likelihood (``smoothed_nll``) of labels int64 [N] (Guo et al. 2017), and moves no
    decision.
    """
    (scale,) = _lowest(lambda at: smoothed_nll(logits * at, labels), [1.0], [POSITIVE])
    return 1 / scale


def platt(scores: Tensor, own: Tensor) -> tuple[float, float]:
    """Slope and offset that make scores float [N] the log-odds that an example is ``own``, bool [N] (Platt 1999).

    They minimise ``smoothed_binary_nll``. The slope is not negative: where a larger score does not speak for an own
    example it is zero, and the score says nothing.
    """
    slope, offset = _lowest(
        lambda at: smoothed_binary_nll(scores * at[0] + at[1], own), [1.0, 0.0], [(0, None), (None, None)]
    )
    return slope, offset


def sharpness(evidence: Tensor, context: Tensor) -> float:
    """By how much evidence float [N, K] is multiplied to be the log-probability of each context, up to a constant.

    It minimises ``smoothed_nll`` of the true contexts, int64 [N], and moves no choice.
    """
    (scale,) = _lowest(lambda at: smoothed_nll(evidence * at, context), [1.0], [POSITIVE])
    return scale


def smoothed_nll(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean negative log-likelihood of labels int64 [N] under softmax(logits), float [N, C].

    Each label counts (N + 1) / (N + C), and every other class 1 / (N + C).
    """
    count, classes = logits.shape
    return F.cross_entropy(logits, labels, label_smoothing=classes / (count + classes))


def smoothed_binary_nll(log_odds: Tensor, own: Tensor) -> Tensor:
    """Mean negative log-likelihood of ``own``, bool [N], under log-odds float [N].

    As in Platt (1999), the n₁ own examples count as (n₁ + 1) / (n₁ + 2), the n₀ others as 1 / (n₀ + 2).
    """
    inside = int(own.sum())
    outside = len(own) - inside
    targets = torch.where(own, (inside + 1) / (inside + 2), 1 / (outside + 2))
    return F.binary_cross_entropy_with_logits(log_odds, targets.to(log_odds))


def _lowest(loss: Callable[[Tensor], Tensor], start: Sequence[float], bounds: Sequence[Bounds]) -> list[float]:
    """Where a convex loss of a few numbers is lowest; never worse than at the start."""
    from scipy.optimize import minimize  # takes a second to import

    def value_and_gradient(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        point = torch.from_numpy(at.copy()).requires_grad_()
        value = loss(point)
        (gradient,) = torch.autograd.grad(value, point)
        return value.item(), gradient.numpy()

    found = minimize(value_and_gradient, np.asarray(start), jac=True, method="L-BFGS-B", bounds=bounds)
    return [float(number) for number in found.x]
