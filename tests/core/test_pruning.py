import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune as torch_prune

from rtl_core.errors import SettingsError
from rtl_core.pruning import plan_rounds, prune_smallest


def test_agrees_with_torch_global_unstructured_without_ties():
    generator = torch.Generator().manual_seed(0)
    layers = [nn.Linear(13, 7), nn.Conv2d(3, 5, 3)]
    for layer in layers:
        with torch.no_grad():
            layer.weight.normal_(generator=generator)
    flat = torch.cat([layer.weight.detach().reshape(-1) for layer in layers])
    mask = torch.ones(len(flat), dtype=torch.bool)
    for count in (40, 31):
        mask = prune_smallest(flat, mask, count)
        torch_prune.global_unstructured(
            [(layer, "weight") for layer in layers], pruning_method=torch_prune.L1Unstructured, amount=count
        )
        theirs = torch.cat([layer.weight_mask.reshape(-1) for layer in layers]).bool()
        assert torch.equal(mask, theirs)


@given(
    st.lists(st.integers(-2, 2), min_size=1, max_size=60).flatmap(
        lambda w: st.tuples(st.just(w), st.lists(st.booleans(), min_size=len(w), max_size=len(w)), st.integers(0, 60))
    )
)
def test_exact_count_with_ties_first_position_leaves_first(case):
    weights, kept, count = torch.tensor(case[0]).float(), torch.tensor(case[1]), case[2]
    count = min(count, int(kept.sum()))
    pruned = prune_smallest(weights, kept, count)
    assert int(pruned.sum()) == int(kept.sum()) - count
    assert not (pruned & ~kept).any()
    gone = [(abs(weights[i].item()), i) for i in (kept & ~pruned).nonzero().squeeze(1).tolist()]
    left = [(abs(weights[i].item()), i) for i in pruned.nonzero().squeeze(1).tolist()]
    assert not gone or not left or max(gone) < min(left)


def test_cannot_prune_more_than_survive_nor_what_is_not_a_number():
    with pytest.raises(ValueError, match="cannot prune 3 of 2"):
        prune_smallest(torch.ones(3), torch.tensor([True, True, False]), 3)
    with pytest.raises(ValueError, match="not a number"):
        prune_smallest(torch.tensor([1.0, float("nan")]), torch.tensor([True, True]), 1)


def test_the_papers_levels_are_8_16_and_24_rounds_of_4096():
    rounds = plan_rounds(125_832, [0.25, 0.5, 0.75], 4096, 10)
    assert {r.sparsity: r.number for r in rounds if r.sparsity} == {0.25: 8, 0.5: 16, 0.75: 24}
    assert [r.number for r in rounds if r.rewinds] == [10, 20]
    assert rounds[-1].remaining == 125_832 - 94_374
    assert all(r.count <= 4096 for r in rounds)


@given(st.integers(50, 5000), st.one_of(st.integers(1, 900), st.floats(0.01, 0.9)), st.integers(1, 5))
def test_every_level_is_met_exactly(prunable, per_round, rewind_every):
    levels = [0.3, 0.55, 0.9]
    rounds = plan_rounds(prunable, levels, per_round, rewind_every)
    assert [r.remaining for r in rounds if r.sparsity] == [prunable - round(s * prunable) for s in levels]
    assert sum(r.count for r in rounds) == round(0.9 * prunable)
    assert all(r.count > 0 for r in rounds)


def test_a_level_that_leaves_nothing_is_refused():
    with pytest.raises(SettingsError, match=r"sparsity 0\.9 of 4"):
        plan_rounds(4, [0.9], 1, 1)
