"""How far values reach: ranges of few, bootstrap intervals of more, and Student's t."""

import numpy as np
import pytest
from scipy.stats import t

from rtl_core.intervals import spread, spread_name, t_interval

DRAWN = np.random.default_rng(1).normal(size=40)


@pytest.mark.parametrize("count", [2, 3, 9])
def test_fewer_than_ten_are_told_by_their_range(count):
    few = DRAWN[:count].tolist()
    assert spread(few) == (min(few), max(few)) and spread_name(count) == "range"


def test_from_ten_on_the_interval_is_of_the_mean_and_shrinks_with_their_number():
    wide, narrow = spread(DRAWN[:10].tolist()), spread(DRAWN.tolist())
    assert min(DRAWN[:10]) < wide[0] < DRAWN[:10].mean() < wide[1] < max(DRAWN[:10])
    assert narrow[1] - narrow[0] < wide[1] - wide[0] and spread_name(10) == "95 % bootstrap interval"


def test_one_value_and_one_that_is_no_number_reach_nowhere():
    for values in ([1.0], []):
        assert all(map(np.isnan, [*spread(values), *t_interval(values)]))
    assert all(map(np.isnan, [*spread([1.0, float("nan")]), *t_interval([1.0, float("nan")])]))


def test_a_t_interval_is_what_the_textbook_says():
    low, high = t_interval([1.0, 2.0, 3.0])
    assert (low + high) / 2 == pytest.approx(2) and high - 2 == pytest.approx(4.303 / 3**0.5, abs=1e-3)
    with_confidence = t_interval(DRAWN.tolist(), 0.9)
    assert with_confidence == pytest.approx(t.interval(0.9, 39, DRAWN.mean(), DRAWN.std(ddof=1) / 40**0.5))
