"""Which ticket an example is for, where its context is not known."""

from dataclasses import replace

import pytest
import torch
from small_contexts import mlp
from torch.nn import functional as F

from rtl_core.construction import initial_weights, new_network
from rtl_core.description.decision import Colours, Speech
from rtl_core.errors import DataError, SettingsError
from rtl_core.masks import Masks
from rtl_core.networks.ghostnet import ghostnet
from rtl_core.randomness import Stream
from rtl_core.routing.calibration import platt, sharpness, smoothed_binary_nll, smoothed_nll, temperature
from rtl_core.routing.confidence import fit_confidence
from rtl_core.routing.outputs import CLASSES, OWN, comparable, only_classes
from rtl_core.routing.quality import one_context_batches
from rtl_core.routing.superposition import Superposition
from rtl_core.tickets import Tickets, finish_tickets
from rtl_core.weights import FlatWeights

K, C, N = 3, 5, 240
NAMES = ("first", "second", "third")
PERMUTATION = [2, 0, 1]
STREAM = Stream(0).at(problem="routing")


def draws(seed):
    return torch.Generator().manual_seed(seed)


def examples(seed=0, meaning=CLASSES):
    """Outputs float [N, K, C] of which a ticket's own examples have the larger ones, with contexts and labels."""
    generator = draws(seed)
    outputs = torch.randn(N, K, K if meaning == OWN else C, generator=generator).double()
    context = torch.randint(K, (N,), generator=generator)
    labels = torch.randint(C, (N,), generator=generator)
    own = F.one_hot(context, K)
    right = torch.eye(K) if meaning == OWN else F.one_hot(labels, C)[:, None]
    return outputs + 2 * own[:, :, None] * right, context, labels


@pytest.fixture
def masks(digits, stream):
    layout = initial_weights(digits, stream).layout
    return Masks(layout, torch.rand(10, layout.size, generator=draws(3)) < 0.3)


@pytest.fixture
def tickets(digits, stream, masks):
    return finish_tickets(initial_weights(digits, stream), masks, digits.objectives, stream)


@pytest.fixture
def superposition(digits, stream):
    """Of tickets of digits."""
    return lambda tickets: Superposition(
        tickets, new_network(digits, stream), digits.images["validation"], stream.at(method="rtl")
    )


def permuted(tickets, order):
    names, statistics = ([values[k] for k in order] for values in (tickets.subsets, tickets.statistics))
    return replace(
        tickets, subsets=tuple(names), masks=tickets.masks.select(order), statistics=tuple(statistics)
    )  # fmt: skip


def in_double(tickets):
    def double(tensors):
        return {name: value.double() if value.is_floating_point() else value for name, value in tensors.items()}

    statistics = tuple(map(double, tickets.statistics))
    return replace(tickets, weights=tickets.weights.double(), dense=double(tickets.dense), statistics=statistics)


@pytest.mark.parametrize("seed", range(3))
def test_calibration_never_makes_the_likelihood_of_validation_examples_worse(seed):
    generator = draws(seed)
    for scale in (0.01, 1.0, 100.0):
        logits, labels = scale * torch.randn(50, 4, generator=generator).double(), torch.arange(50) % 4
        for right in (logits, logits + 50 * F.one_hot(labels, 4)):  # the second: none is wrong
            after = smoothed_nll(right / temperature(right, labels), labels)
            assert after <= smoothed_nll(right, labels) + 1e-12
            assert smoothed_nll(right * sharpness(right, labels), labels) == pytest.approx(float(after))
        own = labels == 0
        for scores in (logits[:, 0], logits[:, 0] + 50 * own, logits[:, 0] - 50 * own):
            slope, offset = platt(scores, own)
            assert slope >= 0
            assert smoothed_binary_nll(slope * scores + offset, own) <= smoothed_binary_nll(scores, own) + 1e-12


def test_a_temperature_undoes_a_scale_and_platt_an_offset_too():
    outputs, context, labels = examples()
    logits, own = outputs[:, 0], context == 0
    assert temperature(3 * logits, labels) == pytest.approx(3 * temperature(logits, labels), rel=1e-3)
    slope, offset = platt(logits[:, 0], own)
    other_slope, other_offset = platt(3 * logits[:, 0] + 2, own)
    assert (3 * other_slope, other_offset + 2 * other_slope) == pytest.approx((slope, offset), rel=1e-3, abs=1e-4)


def test_a_score_that_speaks_against_its_own_examples_says_nothing():
    own = torch.arange(40) < 10
    slope, offset = platt(-1.0 * own, own)
    assert slope == 0 and torch.tensor(offset).sigmoid().item() == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("meaning", [CLASSES, OWN])
def test_the_posterior_sums_to_one_and_permuting_tickets_permutes_the_choice(meaning):
    outputs, context, labels = examples(meaning=meaning)
    batches = torch.stack([(context == k).nonzero()[:8, 0] for k in range(K)])
    moved = outputs[:, PERMUTATION] if meaning == CLASSES else outputs[:, PERMUTATION][:, :, PERMUTATION]
    place_of = torch.tensor(PERMUTATION).argsort()
    for which in (None, batches):
        routing = fit_confidence(meaning, outputs, context, labels).route(outputs, which)
        torch.testing.assert_close(routing.posterior.sum(1), torch.ones(len(routing.choice), dtype=torch.float64))
        assert torch.equal(routing.posterior.argmax(1), routing.choice)
        after = fit_confidence(meaning, moved, place_of[context], labels).route(moved, which)
        assert torch.equal(after.choice, place_of[routing.choice])
        torch.testing.assert_close(after.posterior, routing.posterior[:, PERMUTATION], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("meaning", [CLASSES, OWN])
def test_confidence_finds_more_than_chance_and_a_batch_more_than_an_example(meaning):
    outputs, context, _ = examples(1, meaning)
    confidence = fit_confidence(meaning, *examples(2, meaning))
    alone = (confidence.route(outputs).choice == context).double().mean()
    batches = one_context_batches(context, 16, 20, NAMES, STREAM)
    together = (confidence.route(outputs, batches).choice == context[batches[:, 0]]).double().mean()
    assert 1 / K + 0.1 < alone < together


def test_a_batch_of_copies_chooses_as_one_example_does():
    outputs, context, labels = examples()
    confidence = fit_confidence(CLASSES, outputs, context, labels)
    copies = torch.arange(N)[:, None].expand(-1, 8)
    one, eight = confidence.route(outputs), confidence.route(outputs, copies)
    assert torch.equal(one.choice, eight.choice)
    assert (eight.posterior.amax(1) >= one.posterior.amax(1) - 1e-12).all()


def test_how_many_examples_a_context_has_is_no_evidence():
    generator = draws(0)
    context = torch.cat([torch.zeros(400), torch.ones(100), torch.full((20,), 2.0)]).long()
    noise = torch.randn(len(context), K, K, generator=generator).double()
    posterior = fit_confidence(OWN, noise, context).route(noise).posterior
    assert posterior.mean(0).tolist() == pytest.approx([1 / K] * K, abs=0.05)


def test_tickets_that_are_both_nearly_certain_are_not_taken_for_equal():
    outputs, context, labels = examples()
    confidence = fit_confidence(CLASSES, outputs, context, labels)
    confidence = replace(confidence, temperatures=(1.0,) * K, slopes=(1.0,) * K, offsets=(0.0,) * K)
    certain = torch.zeros(1, K, C).double()
    certain[0, :, 0] = torch.tensor([100.0, 101.0, 100.5])
    assert certain.softmax(2).amax(2).unique().numel() == 1  # as probabilities they are one
    assert confidence.route(certain).choice.tolist() == [1]


def test_what_a_ticket_says_of_classes_that_are_not_its_own_does_not_count():
    outputs, context, _ = examples()
    classes = [torch.tensor(own) for own in ([0, 1], [2, 4], [1, 3])]
    labels = torch.stack([own[torch.arange(N) % 2] for own in classes])[context, torch.arange(N)]
    other = outputs.clone()
    other[:, 0, 2:] += 100
    other[:, 1, [0, 1, 3]] -= 100
    one, two = (only_classes(values, classes) for values in (outputs, other))
    fitted = [fit_confidence(CLASSES, values, context, labels) for values in (one, two)]
    assert fitted[0] == fitted[1]
    assert torch.equal(fitted[0].route(one).posterior, fitted[1].route(two).posterior)


def test_what_cannot_be_routed_is_one_line():
    outputs, context, labels = examples()
    for decision, kind in ((Colours(), "colours"), (Speech(), "speech"), (None, "unknown")):
        with pytest.raises(
            SettingsError, match=f"found outputs that are {kind}, which do not say .*; allowed .*classes"
        ):
            comparable(decision, outputs, NAMES)
    with pytest.raises(SettingsError, match=r"outputs: found \[240, 3, 5\]; allowed: \[N, K, K\]"):
        fit_confidence(OWN, outputs, context)
    with pytest.raises(SettingsError, match=r"outputs: found \[240, 1, 5\]; allowed: \[N, K, C\] of 2 and more"):
        fit_confidence(CLASSES, outputs[:, :1], context, labels)
    with pytest.raises(DataError, match="found contexts 0, 1; allowed: examples of each of 0 to 2"):
        fit_confidence(CLASSES, outputs, context.clamp(max=1), labels)
    with pytest.raises(DataError, match="labels: found none"):
        fit_confidence(CLASSES, outputs, context)
    with pytest.raises(DataError, match="labels: found a class that the ticket of its context does not tell apart"):
        fit_confidence(CLASSES, only_classes(outputs, [torch.tensor([0, 1])] * K), context, labels)
    with pytest.raises(DataError, match="not a number"):
        fit_confidence(CLASSES, outputs * torch.nan, context, labels)
    with pytest.raises(SettingsError, match="classes of ticket 0: found 1; allowed: 2 and more"):
        only_classes(outputs, [torch.tensor([0])] * K)


def test_evidence_is_the_gradient_of_the_entropy(digits, stream, tickets):
    images = digits.images["validation"].double()
    network = new_network(digits, stream).double()
    superposition = Superposition(in_double(tickets), network, images, stream)
    shares, step = torch.full((10,), 0.1, dtype=torch.float64), 1e-6
    evidence = superposition.evidence(images[:5].split(1))
    for k, direction in enumerate(torch.eye(10, dtype=torch.float64)):
        up, down = (superposition.entropy(shares + sign * step * direction, images[:5]) for sign in (1, -1))
        torch.testing.assert_close(evidence[:, k], -(up - down) / (2 * step), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(superposition.evidence([images[:5]]), evidence.sum(0, keepdim=True))


def test_one_ticket_alone_in_a_superposition_is_that_ticket():
    flat = FlatWeights(mlp(3, 4), ["0.weight", "2.weight"])
    masks = Masks(flat.layout, torch.rand(K, flat.layout.size, generator=draws(1)) < 0.5)
    dense = {name: part.clone() for name, part in flat.dense_layout.split(flat.dense.detach()).items()}
    tickets = Tickets(NAMES, masks, flat.prunable.detach() * masks.union(), dense, ({},) * K)
    inputs = torch.randn(20, 3, generator=draws(2))
    superposition = Superposition(tickets, mlp(3, 4), inputs, STREAM)
    for k, shares in enumerate(torch.eye(K)):
        expected = torch.distributions.Categorical(logits=tickets.network(k, mlp(3, 4))(inputs)).entropy()
        torch.testing.assert_close(superposition.entropy(shares, inputs), expected)


def test_permuting_tickets_permutes_what_the_superposition_chooses(digits, tickets, superposition):
    images, order = digits.images["test"][:20], torch.randperm(10, generator=draws(5)).tolist()
    one, other = superposition(tickets), superposition(permuted(tickets, order))
    found = other.evidence(images.split(1))
    torch.testing.assert_close(found, one.evidence(images.split(1))[:, order], atol=1e-5, rtol=1e-3)


def test_a_superposition_repeats_itself_whatever_it_was_asked_before_and_changes_nothing(digits, stream, tickets):
    network, images = new_network(digits, stream), digits.images["test"][:30]
    before, state = {n: v.clone() for n, v in network.state_dict().items()}, torch.get_rng_state()
    one, other = (Superposition(tickets, network, digits.images["validation"], stream) for _ in range(2))
    evidence = one.evidence(images.split(1))
    assert torch.equal(other.evidence(images.flip(0).split(1)), evidence.flip(0))
    assert torch.equal(one.evidence(images.split(1)), evidence)
    assert torch.equal(torch.get_rng_state(), state) and network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_superposition_takes_networks_that_work_in_place():
    flat = FlatWeights(ghostnet(3, 10), [name for name, p in ghostnet(3, 10).named_parameters() if p.ndim == 4])
    masks = Masks(flat.layout, torch.rand(2, flat.layout.size, generator=draws(1)) < 0.5)
    dense = {name: part.clone() for name, part in flat.dense_layout.split(flat.dense.detach()).items()}
    tickets = Tickets(NAMES[:2], masks, flat.prunable.detach(), dense, (flat.buffers(),) * 2)
    images = torch.randn(8, 3, 32, 32, generator=draws(2))
    evidence = Superposition(tickets, ghostnet(3, 10), images, STREAM).evidence(images.split(1))
    assert evidence.shape == (8, 2) and evidence.isfinite().all() and evidence.any()


def test_a_network_of_one_output_has_no_entropy():
    flat = FlatWeights(mlp(), ["0.weight"])
    masks = Masks(flat.layout, torch.ones(2, flat.layout.size, dtype=torch.bool))
    dense = flat.dense_layout.split(flat.dense.detach())
    tickets = Tickets(NAMES[:2], masks, flat.prunable.detach(), dense, ({},) * 2)
    with pytest.raises(SettingsError, match=r"outputs: found \[1, 1\]; allowed: \[N, C\] of 2 and more"):
        Superposition(tickets, mlp(), torch.zeros(4, 3), STREAM)
