"""The alarm and the knee, on trajectories whose bend is known."""

from itertools import islice

import numpy as np
import pytest

from rtl_core.collapse import LEAST_ROUNDS, alarm, knee
from rtl_core.randomness import Stream

ROUNDS, DRAWS = 32, 100


def trajectories(slope: float, noise: float, seed: int):
    """Level, then a slope up or down after a round between 10 and 25: (round, side, values)."""
    draws = np.random.default_rng(seed)
    for _ in range(DRAWS):
        last, side = int(draws.integers(10, 25)), int(draws.choice([-1, 1]))
        rounds = np.arange(1, ROUNDS + 1)
        bent = side * slope * np.maximum(0, rounds - last)
        yield last, "rise" if side > 0 else "fall", 0.88 + bent + noise * draws.standard_normal(ROUNDS)


@pytest.mark.parametrize(("slope", "noise"), [(0.05, 0.008), (0.03, 0.005)])
def test_a_known_bend_is_found_within_one_round(slope, noise):
    found = [(last, side, alarm(values)) for last, side, values in trajectories(slope, noise, seed=0)]
    near = [ring for last, side, ring in found if ring and abs(ring.knee - last) <= 1 and ring.side == side]
    assert len(near) >= 95
    assert all(ring.rung - last <= 3 for last, _, ring in found if ring)


@pytest.mark.slow
@pytest.mark.parametrize("tolerance", [0.0, 0.05])
def test_a_level_trajectory_seldom_rings(tolerance):
    rings = [alarm(values, tolerance) for *_, values in trajectories(0, 0.01, seed=1)]
    assert sum(ring is not None for ring in rings) <= 5


def test_the_alarm_does_not_change_with_what_comes_later():
    for _, _, values in islice(trajectories(0.05, 0.008, seed=2), 30):
        if ring := alarm(values):
            assert alarm(values[: ring.rung]) == ring
            assert alarm(values[: ring.rung - 1]) is None
            assert ring.rung >= LEAST_ROUNDS


def test_a_constant_trajectory_never_rings():
    assert alarm([0.9] * ROUNDS, tolerance=0.0) is None
    assert alarm([]) is None


def test_a_change_below_the_tolerance_does_not_ring():
    values = 0.9 + 0.0005 * np.maximum(0, np.arange(ROUNDS) - 12)
    assert alarm(values) is None
    assert alarm(values, tolerance=0.001) is not None


def test_the_knee_of_many_curves_is_found_and_its_interval_covers_it():
    places = np.array([0.05, 0.25, 0.5, 0.6, 0.75, 0.85, 0.9, 0.95])
    draws = np.random.default_rng(0)
    covered = 0
    for number in range(40):
        at = draws.uniform(0.55, 0.8)
        curves = 0.85 - 1.5 * np.maximum(0, places - at) + 0.01 * draws.standard_normal((10, len(places)))
        curves += 0.05 * draws.standard_normal((10, 1))  # some tickets are better throughout
        found = knee(places, curves, Stream(number))
        assert found is not None and abs(found.at - at) < 0.05
        assert found.after < -1 < found.before
        covered += found.low - 0.005 <= at <= found.high + 0.005
    assert covered >= 34


def test_one_curve_has_an_interval_too_and_a_line_has_no_knee():
    places = np.linspace(0.05, 0.95, 12)
    noise = 0.004 * np.random.default_rng(0).standard_normal(len(places))
    found = knee(places, 0.85 - np.maximum(0, places - 0.6) + noise, Stream(0))
    assert found is not None and found.low <= 0.6 <= found.high < 0.75
    assert knee(places, 0.85 - 0.2 * places + noise, Stream(0)) is None
    assert knee(places[:4], np.array([1.0, 1.0, 0.5, 0.0]), Stream(0)) is None


def test_the_same_stream_gives_the_same_interval():
    places = np.linspace(0.05, 0.95, 12)
    curve = 0.85 - np.maximum(0, places - 0.6) + 0.004 * np.random.default_rng(0).standard_normal(len(places))
    assert knee(places, curve, Stream(3)) == knee(places, curve, Stream(3))
