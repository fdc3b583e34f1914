"""How sure a mean over seeds is: bootstrap intervals."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import bootstrap

RESAMPLES = 2000


def bootstrap_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of independent runs; (nan, nan) for fewer than two.

    With three seeds it reaches from about the smallest to the largest: it tells the spread, not more.
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    found = bootstrap(
        (np.asarray(values, dtype=np.float64),),
        np.mean,
        confidence_level=confidence,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
