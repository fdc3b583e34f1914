"""Which part of the data a share is."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rtl_core.problems.share_of import share_of


@given(st.integers(0, 200), st.floats(0, 1, exclude_min=True), st.integers(1, 9))
def test_a_share_is_spread_evenly_and_never_of_too_few(count, share, least):
    items = list(range(count))
    taken = share_of(items, share, least)
    assert len(taken) == min(count, max(least, round(share * count))) and taken == sorted(set(taken))
    assert len({later - earlier for earlier, later in pairwise(taken)}) <= 2
    assert share_of(items, 1.0, least) == items
