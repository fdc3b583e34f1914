"""How sure a mean is, over seeds or over examples: bootstrap intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import bootstrap

RESAMPLES = 2000


def bootstrap_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of independent values; (nan, nan) for fewer than two.

    With three seeds it reaches from about the smallest to the largest: it tells the spread, not more.
    """
    return stratified_interval([values], confidence)


def stratified_interval(groups: Sequence[Sequence[float]], confidence: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of the means of groups, each resampled within itself.

    Every group weighs the same, however many values it holds; (nan, nan) where one holds fewer than two.
    """
    if min(map(len, groups)) < 2:
        return float("nan"), float("nan")
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
