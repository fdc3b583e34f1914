import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rtl_core.controls import layer_shuffled_masks, random_masks
from rtl_core.masks import Masks
from rtl_core.randomness import Stream
from rtl_core.similarity import check_union, departures, every_pair, similarity, union_bounds
from rtl_core.weights import Layout

TWO_LAYERS = Layout(("a", "b"), ((2, 2), (4,)))


def masks(*rows):
    return Masks(TWO_LAYERS, torch.tensor(rows, dtype=torch.bool))


def of_every_pair(some):
    return similarity(some, every_pair(len(some)))


def test_masks_made_by_hand():
    found = of_every_pair(masks([1, 1, 0, 0, 1, 1, 1, 0], [1, 0, 1, 0, 0, 1, 1, 0]))
    assert found.pairs == ((0, 1),)
    of = {name: place for place, name in enumerate(found.groups)}
    assert found.groups == ("all", "shallow", "middle", "a", "b")
    jaccard, chance, excess = found.jaccard[0], found.chance[0], found.excess[0]
    assert jaccard[of["a"]] == pytest.approx(1 / 3)
    assert chance[of["a"]] == pytest.approx(0.5 / 1.5)  # q / (2 - q) at q = 1/2
    assert excess[of["a"]] == pytest.approx(0)
    assert jaccard[of["b"]] == pytest.approx(2 / 3)
    assert chance[of["b"]] == pytest.approx(0.375 / 0.875)
    assert excess[of["b"]] == pytest.approx((2 / 3 - 3 / 7) / (4 / 7))
    assert jaccard[of["all"]] == pytest.approx(3 / 6)
    assert chance[of["all"]] == pytest.approx((4 * 0.25 + 4 * 0.375) / (4 * 0.75 + 4 * 0.875))


def test_depths_are_thirds_of_the_layers_and_weigh_every_weight_alike():
    layout = Layout(tuple("abcdef"), ((2,), (6,), (3,), (3,), (1,), (5,)))
    values = torch.rand(3, layout.size, generator=torch.Generator().manual_seed(0)) < 0.5
    found = of_every_pair(Masks(layout, values))
    for depth, part in zip(("shallow", "middle", "deep"), values.split((8, 6, 6), dim=1), strict=True):
        by_hand = [((part[a] & part[b]).sum() / (part[a] | part[b]).sum()).item() for a, b in found.pairs]
        assert found.jaccard[:, found.groups.index(depth)].tolist() == pytest.approx(by_hand)


def test_departures_are_where_a_mask_differs_from_that_of_the_largest_initial_weights():
    initial = torch.tensor([0.1, -0.8, 0.2, 0.7, 0.3, -0.6, 0.4, 0.5])  # its four largest: places 1, 3, 5 and 7
    found = departures(masks([0, 1, 0, 1, 0, 1, 0, 1], [0, 1, 0, 0, 0, 0, 1, 0], [1, 1, 0, 1, 0, 1, 0, 0]), initial)
    assert found.values.int().tolist() == [[0] * 8, [0, 0, 0, 1, 0, 0, 1, 0], [1, 0, 0, 0, 0, 0, 0, 1]]


def test_identical_masks_are_alike_and_wholly_in_excess():
    found = of_every_pair(masks([1, 0, 1, 0, 1, 1, 0, 0], [1, 0, 1, 0, 1, 1, 0, 0]))
    assert (found.jaccard == 1).all() and (found.excess == 1).all()


def test_nothing_to_tell_apart_is_similarity_one_and_no_excess():
    found = of_every_pair(masks([0] * 8, [0] * 8))
    assert (found.jaccard == 1).all() and (found.excess == 0).all()


@pytest.mark.parametrize("draw", [random_masks, layer_shuffled_masks])
def test_random_masks_have_no_excess(draw):
    layout = Layout(("wide", "narrow"), ((40_000,), (4_000,)))
    dense_and_sparse = torch.cat([torch.ones(20, 4_000), torch.zeros(20, 40_000)], dim=1).bool()
    start = Masks(layout, dense_and_sparse.roll(36_000, 1) if draw is layer_shuffled_masks else dense_and_sparse)
    excesses = of_every_pair(draw(start, torch.zeros(layout.size), Stream(0))).excess[:, 0].numpy()
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
