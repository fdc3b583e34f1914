"""When to stop pruning: where a metric falls, and when the similarity of masks, without labels, warns of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtl_core.randomness import Stream

TOLERANCE = 0.05
"""Change of similarity that matters to the alarm."""
SURE = 1e-3
"""How improbable a bend must be on a level trajectory before the alarm rings. Every round is looked at, so that about
1 in 100 level trajectories of 32 rounds would ring by chance."""
BASELINE, LEAST_ROUNDS = 5, 8
GRID, RESAMPLES = 200, 1000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Alarm:
    """Similarity has left its level.

    Attributes:
        knee: the last round that belongs to the level.
        rung: the round, counted from 1, after which that was certain.
        side: ``rise`` or ``fall``.
    """

    knee: int
    rung: int
    side: str


@dataclass(frozen=True)
class Knee:
    """Where a curve bends, with a bootstrap interval, and its slopes on both sides."""

    at: float
    low: float
    high: float
    before: float
    after: float


def alarm(similarities: Sequence[float], tolerance: float = TOLERANCE) -> Alarm | None:
    """The first alarm in a trajectory, one similarity a round; None while all is quiet.

    It is meant for the similarity of departures (``similarity.departures``): that of the masks themselves jumps at
    every rewind.

    After each round, the rounds so far are fitted twice: by a level, and by a level that turns into a slope, up or
    down, after some round. The alarm rings when the second fits better than chance allows (F test, ``SURE``), and
    the slope has led ``tolerance`` away from the level. What comes later changes nothing.
    """
    values = np.asarray(similarities, dtype=np.float64)
    for rounds in range(LEAST_ROUNDS, len(values) + 1):
        if bend := _bend_from_level(values[:rounds], tolerance):
            return Alarm(bend[0], rounds, bend[1])
    return None


def knee(x: Sequence[float], curves: Floats, stream: Stream, confidence: float = 0.95) -> Knee | None:
    """Where the mean of R curves, float [R, n] at the n increasing places ``x``, bends; None where it is straight.

    Two line segments that meet are fitted by least squares (Hinkley 1971); they must fit better than one (F test
    at 5 %). The interval is a percentile bootstrap: of the curves where there are several, else of the residuals.
    """
    places, values = np.asarray(x, dtype=np.float64), np.atleast_2d(curves).astype(np.float64)
    count = len(places)
    if count < 5:
        return None
    candidates = np.linspace(places[0], places[-1], GRID + 2)[1:-1]
    candidates = candidates[(candidates > places[1]) & (candidates < places[-2])]
    mean = values.mean(axis=0)
    straight = _squares(mean[None], np.stack([np.ones(count), places], axis=1))[0]
    position, residual = _best(places, mean[None], candidates)
    if not _better(straight, residual[0], count - 4, 0.05):
        return None
    at = float(candidates[position[0]])
    basis = _segments(places, at)
    fitted = np.linalg.lstsq(basis, mean, rcond=None)[0]
    draws = np.random.default_rng(stream.generator().initial_seed())
    if len(values) > 1:
        again = values[draws.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    else:
        left = (mean - basis @ fitted) * np.sqrt(count / max(count - 4, 1))
        again = basis @ fitted + left[draws.integers(count, size=(RESAMPLES, count))]
    knees = candidates[_best(places, again, candidates)[0]]
    low, high = np.quantile(knees, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Knee(at, float(low), float(high), float(fitted[1]), float(fitted[1] + fitted[2]))


def _bend_from_level(values: Floats, tolerance: float) -> tuple[int, str] | None:
    count = len(values)
    level = _squares(values[None], np.ones((count, 1)))[0]
    rounds = np.arange(1, count + 1, dtype=np.float64)
    bases = [np.stack([np.ones(count), np.maximum(0, rounds - last)], axis=1) for last in range(BASELINE, count)]
    residuals = [_squares(values[None], basis)[0] for basis in bases]
    residual = min(residuals)
    best = residuals.index(residual)
    last, slope = BASELINE + best, float(np.linalg.lstsq(bases[best], values, rcond=None)[0][1])
    if abs(slope) * (count - last) < tolerance or not _better(level, residual, count - 3, SURE):
        return None
    return last, "rise" if slope > 0 else "fall"


def _better(simple: float, bent: float, freedom: int, significance: float) -> bool:
    """Whether a bend, two more parameters, lowers a sum of squares by more than chance would."""
    if simple <= 1e-18:
        return False
    from scipy.stats import f as f_distribution  # takes half a second to import

    statistic = (simple - bent) / 2 / max(bent / freedom, 1e-18)
    return bool(f_distribution.sf(statistic, 2, freedom) < significance)


def _best(places: Floats, curves: Floats, candidates: Floats) -> tuple[NDArray[np.int64], Floats]:
    """For each curve [R, n]: number of the candidate at which two segments fit best, and their sum of squares."""
    squares = np.stack([_squares(curves, _segments(places, at)) for at in candidates])
    return squares.argmin(axis=0), squares.min(axis=0)


def _segments(places: Floats, at: float) -> Floats:
    return np.stack([np.ones_like(places), places, np.maximum(0, places - at)], axis=1)


def _squares(curves: Floats, basis: Floats) -> Floats:
    """Sum of squared residuals of each curve [R, n] from its best fit in a basis [n, p] that holds the constant."""
    centred = curves - curves.mean(axis=1, keepdims=True)
    explained = centred @ np.linalg.qr(basis)[0]
    return np.asarray(np.maximum(0, (centred**2).sum(axis=1) - (explained**2).sum(axis=1)))
