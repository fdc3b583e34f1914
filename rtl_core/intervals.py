"""How sure a mean is, over seeds, instances or examples: ranges, and intervals by bootstrap and Student's t."""

from collections.abc import Sequence
from typing import Any

import numpy as np

RESAMPLES = 2000
FEW = 10
"""Fewer values than this are told by their range: a bootstrap of three gives the smallest and the largest anyway."""


def spread(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """How far independent values reach: the smallest and the largest of fewer than ten, the percentile bootstrap
    interval of the mean of more; (nan, nan) for fewer than two, and where one is not a number.
    """
    if 1 < len(values) < FEW:
        return float(np.min(values)), float(np.max(values))
    return stratified_interval([values], confidence)


def spread_name(count: int) -> str:
    """What ``spread`` gives of so many values."""
    return "range" if count < FEW else "95 % bootstrap interval"


def t_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Student's t interval of the mean of independent values; (nan, nan) for fewer than two."""
    if len(values) < 2:
        return float("nan"), float("nan")
    from scipy.stats import sem, t  # takes half a second to import

    mean, half = np.mean(values), sem(values) * t.ppf((1 + confidence) / 2, len(values) - 1)
    return float(mean - half), float(mean + half)


def stratified_interval(groups: Sequence[Sequence[float]], confidence: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of the means of groups, each resampled within itself.

    Every group weighs the same, however many values it holds; (nan, nan) where one holds fewer than two.
    """
    if min(map(len, groups)) < 2:
        return float("nan"), float("nan")
    from scipy.stats import bootstrap  # takes half a second to import

    resampled = bootstrap(
        tuple(np.asarray(values, dtype=np.float64) for values in groups),
        _mean_of_means,
        confidence_level=confidence,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return float(resampled.confidence_interval.low), float(resampled.confidence_interval.high)


def _mean_of_means(*groups: Any, axis: int) -> Any:
    return np.mean([np.mean(values, axis=axis) for values in groups], axis=0)
