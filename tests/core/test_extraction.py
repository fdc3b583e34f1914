import pytest
import torch

from rtl_core.chain import extract_round, unpruned
from rtl_core.construction import initial_weights
from rtl_core.duration import Duration
from rtl_core.errors import DivergedError
from rtl_core.extraction import extract_tickets
from rtl_core.isolation import OptimizerChoice
from rtl_core.pruning import plan_rounds
from rtl_core.randomness import Stream
from tasks.artefacts.chain_file import chain_from_bytes, chain_to_bytes

ONE = Duration.parse("3it")


def run_chain(problem, rounds, stream, make_optimizer, subset=0, through_files=False):
    layout = initial_weights(problem, stream).layout
    chain = unpruned(layout)
    chains = []
    for r in rounds:
        place = stream.at(method="rtl", subset=problem.subsets[subset])
        weights = initial_weights(problem, stream)
        chain = extract_round(weights, problem.objectives[subset], chain, r, ONE, make_optimizer, place)
        if through_files:
            chain = chain_from_bytes(chain_to_bytes(chain), layout.size)
        chains.append(chain)
    return chains


def test_masks_meet_every_level_exactly_and_shrink(digits, stream, adam):
    size = initial_weights(digits, stream).layout.size
    rounds = plan_rounds(size, [0.5, 0.9], 0.4, 1)
    levels = extract_tickets(digits, rounds, ONE, adam, stream)
    for sparsity, masks in levels.items():
        assert masks.active().tolist() == [size - round(sparsity * size)] * 10
    assert not (levels[0.9].values & ~levels[0.5].values).any()


def test_the_algorithm_is_its_rounds_and_chains_never_see_each_other(digits, stream, adam):
    rounds = plan_rounds(initial_weights(digits, stream).layout.size, [0.5], 0.4, 1)
    masks = extract_tickets(digits, rounds, ONE, adam, stream)[0.5]
    for subset in (7, 2):
        assert torch.equal(run_chain(digits, rounds, stream, adam, subset)[-1].mask, masks[subset])


def test_a_round_of_no_training_prunes_the_smallest_initial_weights(digits, stream):
    rounds = plan_rounds(initial_weights(digits, stream).layout.size, [0.5], 0.4, 1)
    still = run_chain(digits, rounds, stream, OptimizerChoice("sgd", 1e-30, momentum=0.0))[-1].mask
    initial = initial_weights(digits, stream).prunable.detach().abs()
    assert initial[still].min() > initial[~still].max()


def test_between_rewinds_training_goes_on_and_survives_the_disk(digits, stream, adam):
    rounds = plan_rounds(initial_weights(digits, stream).layout.size, [0.6], 0.15, 3)
    assert [r.rewinds for r in rounds][:4] == [False, False, True, False]
    straight = run_chain(digits, rounds, stream, adam)
    resumed = run_chain(digits, rounds, stream, adam, through_files=True)
    for a, b in zip(straight, resumed, strict=True):
        assert torch.equal(a.mask, b.mask)
        assert a.carried.keys() == b.carried.keys()
        assert all(torch.equal(a.carried[name], b.carried[name]) for name in a.carried)
    assert straight[0].carried and not straight[2].carried
    initial = initial_weights(digits, stream).prunable.detach()
    carried = straight[1].carried["weights"]
    assert not torch.equal(carried[straight[1].mask], initial[straight[1].mask])


def test_seeds_differ_and_one_seed_repeats(digits, stream, adam):
    rounds = plan_rounds(initial_weights(digits, stream).layout.size, [0.5], 0.5, 1)
    masks = [run_chain(digits, rounds, s, adam)[-1].mask for s in (stream, stream, Stream(1).at(problem="digits"))]
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_the_global_generator_is_neither_read_nor_needed(digits, stream, adam):
    rounds = plan_rounds(initial_weights(digits, stream).layout.size, [0.5], 0.5, 1)
    torch.manual_seed(1)
    first = run_chain(digits, rounds, stream, adam)[-1].mask
    torch.manual_seed(2)
    assert torch.equal(first, run_chain(digits, rounds, stream, adam)[-1].mask)


def test_divergence_says_method_subset_and_round(digits, stream):
    rounds = plan_rounds(initial_weights(digits, stream).layout.size, [0.5], 0.5, 1)
    with pytest.raises(DivergedError, match=r"seed 0, problem digits, method rtl, subset digit 0, round 1"):
        run_chain(digits, rounds, stream, OptimizerChoice("sgd", 1e30))
