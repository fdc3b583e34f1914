from itertools import islice, repeat
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from kept_state import KeptState

from rtl_core.baselines import imp_multiple, imp_single
from rtl_core.construction import initial_weights
from rtl_core.controls import initial_magnitude_masks, layer_shuffled_masks, random_masks
from rtl_core.duration import Duration
from rtl_core.errors import DataError, DivergedError
from rtl_core.isolation import OptimizerChoice
from rtl_core.masks import Masks
from rtl_core.method_checks import method_failures
from rtl_core.microbatches import microbatches
from rtl_core.problem import Objective
from rtl_core.randomness import Stream
from rtl_core.retraining import retrain
from rtl_core.rewinding import late_tickets, weights_at
from rtl_core.ticket_controls import with_shared_statistics
from rtl_core.ticket_file import tickets_to_bytes
from rtl_core.training import batches_of, gradient_of
from rtl_core.updates import UPDATES, MicrobatchUpdate, SequentialUpdate, SharedWeights, SynchronousUpdate

SHORT = Duration.parse("3it")


@pytest.fixture
def masks(digits, stream):
    layout = initial_weights(digits, stream).layout
    values = torch.rand(10, layout.size, generator=torch.Generator().manual_seed(3)) < 0.15
    return Masks(layout, values)


@pytest.fixture
def few(digits, masks):
    """Masks and objectives of four tickets."""
    return masks.select(range(4)), digits.objectives[:4]


def batches(problem, stream):
    return [next(iter(o.batches(stream.at(subset=o.name, epoch=0).generator()))) for o in problem.objectives]


def places(problem, stream):
    return [stream.at(subset=objective.name) for objective in problem.objectives]


@pytest.mark.parametrize("update", UPDATES)
def test_weights_in_no_mask_keep_their_initial_values(digits, stream, adam, masks, update):
    weights = initial_weights(digits, stream)
    initial = weights.prunable.detach().clone()
    tickets = SharedWeights(weights, masks, digits.objectives)
    step = UPDATES[update](tickets, adam)
    for _ in range(3):
        step(batches(digits, stream), places(digits, stream))
    union = masks.union()
    assert 0 < int(union.sum()) < masks.layout.size
    assert torch.equal(tickets.theta[~union], initial[~union])
    assert (tickets.theta[union] != initial[union]).any()


def test_the_synchronous_gradient_is_the_sum_of_the_masked_gradients(digits, stream, masks):
    rate = 1.0
    weights = initial_weights(digits, stream)
    theta, dense = weights.prunable.detach().clone(), weights.dense.detach().clone()
    tickets = SharedWeights(weights, masks, digits.objectives)
    update = SynchronousUpdate(tickets, OptimizerChoice("sgd", rate, momentum=0.0))
    update(batches(digits, stream), places(digits, stream))
    total, dense_total = torch.zeros_like(theta), torch.zeros_like(dense)
    for k, (objective, batch) in enumerate(zip(digits.objectives, batches(digits, stream), strict=True)):
        alone = initial_weights(digits, stream)
        alone.network.train()
        alone.load(theta * masks[k], dense)
        gradient_of(alone, objective, batch, stream)
        total += alone.gradient * masks[k]
        dense_total += alone.dense_gradient
    assert torch.equal(tickets.theta, theta - rate * total)
    assert torch.equal(tickets.dense.detach(), dense - rate * dense_total)


def test_microbatches_hold_every_example_once_in_parts_of_like_size():
    for size, count in ((23, 4), (8, 4), (7, 4), (5, 8), (1, 3), (40, 1)):
        images, labels = torch.arange(size * 2).reshape(size, 2), torch.arange(size)
        cut = microbatches({"x": (images, labels), "weight": torch.tensor(3.0), "rate": 0.5}, count)
        parts = [part for part in cut if part is not None]
        examples = [part["x"][1] for part in parts]
        sizes = [*map(len, examples)]
        assert len(cut) == count and len(parts) == min(count, max(1, size // 2))
        assert max(sizes) - min(sizes) <= 1 and sorted(torch.cat([part["x"][1] for part in parts]).tolist()) == [
            *range(size)
        ]
        assert all(torch.equal(part["x"][0][:, 0], part["x"][1] * 2) for part in parts)
        assert all(part["weight"] == 3 and part["rate"] == 0.5 for part in parts)
    with pytest.raises(DataError, match="a batch cannot be cut: found tensors of lengths 2, 9; allowed: one length"):
        microbatches((torch.zeros(9, 4), torch.zeros(2, 30)), 2)
    for uncut, found in (({"rate": 1.0}, "tensors of lengths none"), ((torch.ones(2), ["a", "b"]), "a str")):
        with pytest.raises(DataError, match=f"found {found}; allowed"):
            microbatches(uncut, 2)
    objectives = [Objective("b", lambda generator: [(torch.ones(2), np.ones(2))], 1, None)] * 2
    said = "a batch cannot be cut: found a ndarray; allowed: tensors and numbers"
    failures = list(method_failures(SimpleNamespace(objectives=objectives), Stream(0), True, []))
    assert failures == [f"retrain.update: microbatch: objective b: {said}"] * 2


def test_the_microbatch_update_is_the_synchronous_one_on_one_part_of_every_batch_after_another(
    digits, stream, adam, masks
):
    tickets, apart = (SharedWeights(initial_weights(digits, stream), masks, digits.objectives) for _ in range(2))
    MicrobatchUpdate(tickets, adam)(batches(digits, stream), places(digits, stream))
    cut = [microbatches(batch, 10) for batch in batches(digits, stream)]
    update = SynchronousUpdate(apart, adam)
    for step in range(10):
        update([parts[(step - subset) % 10] for subset, parts in enumerate(cut)], places(digits, stream))
    assert torch.equal(apart.theta, tickets.theta) and torch.equal(apart.dense, tickets.dense)


def test_a_ticket_with_few_examples_sits_out_some_microbatches_and_no_step_is_without_one(
    digits, stream, adam, masks, monkeypatch
):
    seen, step = [], SynchronousUpdate._step
    monkeypatch.setattr(SynchronousUpdate, "_step", lambda self, now, at: seen.append([*now]) or step(self, now, at))
    few = [tuple(part[:8] for part in batch) for batch in batches(digits, stream)]
    tickets = SharedWeights(initial_weights(digits, stream), masks, digits.objectives)
    losses = MicrobatchUpdate(tickets, adam)(few, places(digits, stream))
    assert torch.isfinite(losses).all() and (losses > 0).all()
    assert len(seen) == 10 and all(seen) and sum(map(len, seen)) == 10 * 4


def test_sequentially_each_ticket_sees_the_step_before_it(digits, stream, adam, masks):
    tickets = SharedWeights(initial_weights(digits, stream), masks, digits.objectives)
    SequentialUpdate(tickets, adam)(batches(digits, stream), places(digits, stream))
    theta = initial_weights(digits, stream).prunable.detach().clone()
    apart = SharedWeights(initial_weights(digits, stream), masks, digits.objectives)
    update = SequentialUpdate(apart, adam)
    for k, batch in enumerate(batches(digits, stream)):
        before = apart.theta.clone()
        _, gradient, dense_gradient = apart.gradient(k, batch, stream)
        update.optimizers[k].step(gradient, dense_gradient)
        assert torch.equal(apart.theta[~masks[k]], before[~masks[k]])
    assert torch.equal(apart.theta, tickets.theta)
    assert not torch.equal(theta, tickets.theta)


def test_one_ticket_alone_is_retrained_alike_by_all_updates(digits, stream, adam, masks):
    one = [
        tickets_to_bytes(
            retrain(
                initial_weights(digits, stream), masks.select([4]), [digits.objectives[4]], SHORT, 5, u, adam, stream
            )
        )
        for u in UPDATES
    ]
    assert len(set(one)) == 1


@pytest.mark.parametrize("update", UPDATES)
def test_the_same_stream_gives_the_same_bytes_also_with_passes_side_by_side(digits, stream, adam, few, update):
    def run(threads=1):
        weights = initial_weights(digits, stream)
        return tickets_to_bytes(retrain(weights, *few, SHORT, 2, update, adam, stream, threads=threads))

    one = run()
    for threads in {"synchronous": (1, 2, 99), "microbatch": (1, 3)}.get(update, (1,)):
        assert run(threads) == one


@pytest.mark.parametrize("update", UPDATES)
def test_an_interrupted_retraining_goes_on_after_its_last_epoch_with_the_same_bytes(digits, stream, adam, few, update):
    def run(checkpoint):
        weights, three_epochs = initial_weights(digits, stream), Duration.parse("3ep")
        return retrain(weights, *few, three_epochs, 2, update, adam, stream, checkpoint)

    whole = run(None)
    interrupted = KeptState(fail_after=2)
    with pytest.raises(KeyboardInterrupt):
        run(interrupted)
    resumed = KeptState(interrupted.state)
    assert tickets_to_bytes(run(resumed)) == tickets_to_bytes(whole)
    assert interrupted.saved == [1, 2]
    assert resumed.saved == [3]


def test_short_subsets_repeat_their_batches_and_empty_ones_are_named():
    objective = Objective("short", lambda generator: iter(torch.randperm(3, generator=generator)), 3, None)
    seven = [int(b) for b in islice(batches_of(objective, repeat(Stream(5))), 7)]
    assert sorted(seven[:3]) == [0, 1, 2]
    assert seven == (seven[:3] * 3)[:7]
    with pytest.raises(DataError, match="objective none: batches\\(\\) gave 0 in an epoch"):
        next(batches_of(Objective("none", lambda generator: iter(()), 1, None), repeat(Stream(5))))


def test_a_last_step_that_explodes_is_no_result(digits, stream, masks):
    with pytest.raises(DivergedError, match="a weight is not finite"):
        retrain(
            initial_weights(digits, stream), masks, digits.objectives, Duration.parse("1it"), 1, "synchronous",
            OptimizerChoice("sgd", 1e38, weight_decay=1e38), stream,
        )  # fmt: skip


def test_a_loss_that_is_not_a_number_says_where(digits, stream, masks):
    with pytest.raises(DivergedError, match=r"seed 0, problem digits, method rtl.*objective digit 0"):
        retrain(
            initial_weights(digits, stream), masks, digits.objectives, SHORT, 3, "synchronous",
            OptimizerChoice("sgd", 1e30), stream.at(method="rtl"),
        )  # fmt: skip


def test_each_ticket_carries_statistics_of_its_own_data(digits, stream, adam, masks):
    tickets = retrain(initial_weights(digits, stream), masks, digits.objectives, SHORT, 3, "synchronous", adam, stream)
    means = [statistics["1.running_mean"] for statistics in tickets.statistics]
    assert not torch.equal(means[0], means[1])
    objective = digits.objectives[0]
    network = tickets.network(0, initial_weights(digits, stream).network)
    statistics = [b for b in objective.batches(stream.at(subset="digit 0", draw="statistics").generator())]
    inputs = [network[0](images) for images, *_ in statistics]
    for name, moment in (("1.running_mean", torch.Tensor.mean), ("1.running_var", torch.Tensor.var)):
        expected = torch.stack([moment(x, (0, 2, 3)) for x in inputs]).mean(0)
        torch.testing.assert_close(tickets.statistics[0][name], expected, rtol=1e-4, atol=1e-5)


def test_imp_multiple_shares_nothing_and_imp_single_is_one_network(digits, stream, adam, masks):
    several = imp_multiple(digits, masks, SHORT, adam, stream)
    assert [t.subsets for t in several] == [(name,) for name in digits.subsets]
    assert not torch.equal(several[0].dense["11.weight"], several[1].dense["11.weight"])
    single = imp_single(digits, masks.select([0]), SHORT, adam, stream)
    assert single.subsets == ("all",)
    assert not single.weights[~masks[0]].any()


def test_sanity_masks_keep_counts_and_only_shuffling_keeps_layers(masks, digits, stream):
    initial = initial_weights(digits, stream).prunable.detach()
    for draw in (random_masks, layer_shuffled_masks):
        other = draw(masks, initial, stream)
        assert torch.equal(other.active(), masks.active())
        assert not torch.equal(other.values, masks.values)
        assert torch.equal(draw(masks, initial, stream).values, other.values)
    shuffled = layer_shuffled_masks(masks, initial, stream)
    for name, layer in masks.layers().items():
        assert torch.equal(shuffled.layers()[name].sum(1), layer.sum(1))


def test_masks_of_initial_magnitude_keep_the_largest_and_the_union_mask_keeps_all(masks, digits, stream):
    initial = initial_weights(digits, stream).prunable.detach()
    found = initial_magnitude_masks(masks, initial, stream)
    assert torch.equal(found.active(), masks.active())
    for mask in found.values:
        assert initial[mask].abs().min() >= initial[~mask].abs().max()
    assert torch.equal(masks.united().values, masks.union().unsqueeze(0))


def test_shared_statistics_are_the_mean_over_the_tickets_own(digits, stream, adam, masks):
    own = retrain(initial_weights(digits, stream), masks, digits.objectives, SHORT, 3, "synchronous", adam, stream)
    shared = with_shared_statistics(initial_weights(digits, stream), own, digits.objectives, stream)
    assert torch.equal(shared.weights, own.weights)
    assert tickets_to_bytes(shared) != tickets_to_bytes(own)
    first = shared.statistics[0]["1.running_mean"]
    assert all(torch.equal(statistics["1.running_mean"], first) for statistics in shared.statistics)
    counts = torch.tensor([float(o.batches_per_epoch) for o in digits.objectives])
    means = torch.stack([statistics["1.running_mean"] for statistics in own.statistics])
    torch.testing.assert_close(first, (counts / counts.sum()) @ means, rtol=1e-4, atol=1e-5)


def test_late_rewinding_starts_every_ticket_from_one_trained_network(digits, stream, adam):
    tickets = late_tickets(digits, SHORT, adam, stream)
    assert tickets.masks.values.all()
    assert tickets_to_bytes(late_tickets(digits, SHORT, adam, stream, threads=2)) == tickets_to_bytes(tickets)
    late, initial = weights_at(tickets, digits, stream), initial_weights(digits, stream)
    assert not torch.equal(late.prunable, initial.prunable)
    assert not torch.equal(late.dense, initial.dense)
    before = late.prunable.detach().clone()
    masks = Masks(late.layout, torch.ones(10, late.layout.size, dtype=torch.bool))
    imp_multiple(digits, masks, SHORT, adam, stream, start=late)
    assert torch.equal(late.prunable, before)
