import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rtl_core.controls import layer_shuffled_masks, random_masks
from rtl_core.masks import Masks
from rtl_core.randomness import Stream
from rtl_core.similarity import check_union, pairwise_similarity, union_bounds
from rtl_core.weights import Layout

TWO_LAYERS = Layout(("a", "b"), ((2, 2), (4,)))


def masks(*rows):
    return Masks(TWO_LAYERS, torch.tensor(rows, dtype=torch.bool))


def test_masks_made_by_hand():
    found = pairwise_similarity(masks([1, 1, 0, 0, 1, 1, 1, 0], [1, 0, 1, 0, 0, 1, 1, 0]))
    rows = {row.layer: row for row in found}
    assert rows["a"].jaccard == pytest.approx(1 / 3)
    assert rows["a"].chance == pytest.approx(0.5 / 1.5)  # q / (2 - q) at q = 1/2
    assert rows["a"].excess == pytest.approx(0)
    assert rows["b"].jaccard == pytest.approx(2 / 3)
    assert rows["b"].chance == pytest.approx(0.375 / 0.875)
    assert rows["b"].excess == pytest.approx((2 / 3 - 3 / 7) / (4 / 7))
    assert rows["all"].jaccard == pytest.approx(3 / 6)
    assert rows["all"].chance == pytest.approx((4 * 0.25 + 4 * 0.375) / (4 * 0.75 + 4 * 0.875))


def test_identical_masks_are_alike_and_wholly_in_excess():
    for row in pairwise_similarity(masks([1, 0, 1, 0, 1, 1, 0, 0], [1, 0, 1, 0, 1, 1, 0, 0])):
        assert (row.jaccard, row.excess) == (1, 1)


@pytest.mark.parametrize("draw", [random_masks, layer_shuffled_masks])
def test_random_masks_have_no_excess(draw):
    layout = Layout(("wide", "narrow"), ((40_000,), (4_000,)))
    dense_and_sparse = torch.cat([torch.ones(20, 4_000), torch.zeros(20, 40_000)], dim=1).bool()
    start = Masks(layout, dense_and_sparse.roll(36_000, 1) if draw is layer_shuffled_masks else dense_and_sparse)
    excesses = [row.excess for row in pairwise_similarity(draw(start, Stream(0))) if row.layer == "all"]
    error = np.std(excesses) / np.sqrt(20 / 2)  # 20 independent masks, not 190 independent pairs
    assert abs(np.mean(excesses)) < 4 * error + 1e-3


@given(hnp.arrays(bool, st.tuples(st.integers(1, 6), st.just(8))))
def test_union_and_jaccard_agree_for_any_masks(values):
    any_masks = Masks(TWO_LAYERS, torch.from_numpy(values))
    check_union(any_masks)
    low, high = union_bounds(any_masks)
    assert low <= high + 1e-9


def test_a_union_that_disagrees_is_noticed(monkeypatch):
    pair = masks([1, 1, 0, 0, 1, 1, 1, 0], [1, 0, 1, 0, 0, 1, 1, 0])
    monkeypatch.setattr(Masks, "union", lambda self: torch.ones(8, dtype=torch.bool))
    with pytest.raises(ValueError, match="union of 8"):
        check_union(pair)
