"""How often the right ticket is found where its context is not known, and how good its answers are."""

from copy import copy
from dataclasses import replace

import pytest
import torch
from drawn_tickets import drawn_tickets
from small_contexts import regression
from torch.nn import functional as F

from rtl_core import find_tickets
from rtl_core.construction import networks_of, new_network
from rtl_core.errors import DataError, SettingsError
from rtl_core.isolation import OptimizerChoice
from rtl_core.one_network import as_one_network
from rtl_core.problems.digits import Digits
from rtl_core.problems.images.class_clusters import ClassClusters
from rtl_core.problems.images.stored_images import load_images, save_images
from rtl_core.problems.images.within_cluster import WithinCluster
from rtl_core.randomness import Stream
from rtl_core.routing.quality import one_context_batches, quality, routed_scores
from rtl_core.routing.routed import (
    SUPERPOSED,
    _some,
    by_confidence,
    by_one_network,
    by_superposition,
    fitted,
    is_offered,
)

K = 3
NAMES = ("first", "second", "third")
STREAM = Stream(0).at(problem="routing")


def test_batches_are_of_one_context_and_drawn_from_the_stream():
    context = torch.arange(240) % K
    batches = one_context_batches(context, 8, 5, NAMES, STREAM)
    assert batches.shape == (15, 8)
    assert (context[batches] == torch.arange(K).repeat_interleave(5)[:, None]).all()
    assert all(len(batch.unique()) == 8 for batch in batches)
    assert torch.equal(one_context_batches(context, 8, 5, NAMES, STREAM), batches)
    assert not torch.equal(one_context_batches(context, 8, 5, NAMES, STREAM.at(seed=1)), batches)
    assert one_context_batches(context, 1, 5, NAMES, STREAM).flatten().tolist() == list(range(240))
    with pytest.raises(DataError, match=r"context 'first': found 80 examples; allowed: 200 and more, for a batch"):
        one_context_batches(context, 200, 5, NAMES, STREAM)
    with pytest.raises(SettingsError, match="found 5 of 0; allowed: 1 and more"):
        one_context_batches(context, 0, 5, NAMES, STREAM)


def test_the_right_ticket_scores_as_known_and_a_wrong_one_as_itself():
    context, labels = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
    outputs = torch.zeros(4, 2, 2)
    outputs[:, 0] = F.one_hot(labels, 2)  # ticket 0 is right of all, ticket 1 says 0 of all
    outputs[:, 1, 0] = 1
    alone = torch.arange(4)[:, None]
    are_right = outputs.argmax(2) == labels[:, None]
    right = quality(context, context, alone, are_right)
    assert [values.tolist() for values in right] == [[1, 1], [1, 0.5], [1, 0.5]]
    wrong = quality(1 - context, context, alone, are_right)
    assert [values.tolist() for values in wrong] == [[0, 0], [0.5, 1], [1, 0.5]]
    batches = torch.tensor([[0, 1], [2, 3]])
    mixed = quality(torch.tensor([0, 0]), context, batches, are_right)
    assert [values.tolist() for values in mixed] == [[1, 0], [1, 1], [1, 0.5]]
    scores = routed_scores(mixed.routed, ("a", "b"), (0.5, 0.25))
    assert [(s.protocol, s.metric, s.subset, s.value, s.chance) for s in scores] == [
        ("routed", "accuracy", "a", 1, 0.5),
        ("routed", "accuracy", "b", 1, 0.25),
        ("routed", "accuracy", "mean", 1, 0.375),
    ]


def by_size(rows, subset="mean"):
    return {(row["router"], row["batch"]): row for row in rows if row["subset"] == subset}


def clusters_in(folder):
    """Ten digits in three clusters."""
    Digits.partition(folder / "plain")
    stored = load_images(folder / "plain")
    clusters = ClassClusters(("few", "many", "some"), (1, 0, 1, 2, 1, 0, 2, 1, 2, 1))
    save_images(folder / "clustered", stored.splits, stored.classes, clusters)
    return WithinCluster(folder / "clustered", device="cpu")


def test_what_is_counted_is_what_confidence_chooses_of_all_test_examples(digits, stream):
    tickets = drawn_tickets(digits)
    networks, context = networks_of(digits, [tickets], stream), digits.subset_of("test")
    outputs = torch.stack([digits._logits(network, "test") for network in networks], 1)
    confidence = fitted(digits, networks)
    routed = by_confidence(digits, networks, confidence, stream)
    choice = confidence.route(outputs).choice
    for k, name in enumerate(digits.subsets):
        row = by_size(routed.rows, name)["confidence", 1]
        assert row["found"] == (choice[context == k] == k).double().mean() == row["routed"]
        assert row["known"] is None  # one-vs-rest it is the answer
        assert [s.value for s in routed.scores if s.subset == name] == [row["routed"]]
    assert {batch for _, batch in by_size(routed.rows)} == {1, 8}  # no digit has 64 test images


def test_within_clusters_the_known_context_is_what_is_scored(tmp_path, stream):
    problem = clusters_in(tmp_path)
    tickets = drawn_tickets(problem)
    networks = networks_of(problem, [tickets], stream)
    routed = by_confidence(problem, networks, fitted(problem, networks), stream)
    rows = [*routed.rows, *by_superposition(problem, tickets, networks, stream)]
    assert {*by_size(rows)} == {(router, size) for router in ("confidence", "superposition") for size in (1, 8, 64)}
    for score in problem.score(networks):
        assert by_size(rows, score.subset)["confidence", 1]["known"] == pytest.approx(score.value, abs=1e-12)
    assert all(0 <= row[figure] <= 1 for row in rows for figure in ("found", "routed", "known"))
    again = [*routed.rows, *by_superposition(problem, tickets, networks, stream)]
    assert again == rows


@pytest.mark.parametrize("clustered", [False, True])
def test_one_network_is_told_nothing(digits, tmp_path, stream, clustered):
    problem = clusters_in(tmp_path) if clustered else digits
    network = new_network(as_one_network(problem), stream).eval()
    routed = by_one_network(as_one_network(problem), network, stream)
    right = problem._logits(network, "test").argmax(1) == problem.labels["test"]
    for k, name in enumerate(problem.subsets):
        share = right[problem.subset_of("test") == k].double().mean()
        assert by_size(routed.rows, name)["none", 1]["routed"] == share
        assert [s.value for s in routed.scores if s.subset == name] == [share]


def test_methods_agree_on_what_guessing_gives(tmp_path, stream):
    problem = clusters_in(tmp_path)
    networks = networks_of(problem, [drawn_tickets(problem)], stream)
    tickets = by_confidence(problem, networks, fitted(problem, networks), stream)
    network = new_network(as_one_network(problem), stream).eval()
    one = by_one_network(as_one_network(problem), network, stream)
    assert [s.chance for s in tickets.scores] == [s.chance for s in one.scores]
    labels, parts = problem.labels["test"], problem.subset_of("test")
    shares = [(labels[parts == k].bincount().max() / (parts == k).sum() / 3).item() for k in range(3)]
    assert [s.chance for s in one.scores] == pytest.approx([*shares, sum(shares) / 3])


def test_a_superposition_is_asked_about_few_examples_of_each_context(stream):
    context = torch.tensor([0] * 50 + [1] * 3 + [2])
    some = _some(context, stream)
    assert context[some].bincount().tolist() == [SUPERPOSED, 3, 1] and len(some.unique()) == len(some)
    assert torch.equal(_some(context, stream), some) and not torch.equal(_some(context, stream.at(seed=1)), some)


def test_where_routing_is_not_offered(digits, stream):
    assert is_offered(digits) and is_offered(as_one_network(digits)) and not is_offered(regression())
    without = copy(digits)
    without.images = {split: images for split, images in digits.images.items() if split != "validation"}
    assert not is_offered(without)
    lacking = copy(digits)
    lacking.labels = digits.labels | {"test": digits.labels["test"].clamp(max=8)}
    assert not is_offered(lacking)
    tickets = drawn_tickets(digits)
    broken = replace(tickets, weights=tickets.weights * torch.inf)
    assert fitted(digits, networks_of(digits, [broken], stream)) is None


def routed(problem):
    """Rows by size of tickets that were found and trained a little."""
    settings = dict(extract_duration="3ep", retrain_duration="8ep", optimizer=OptimizerChoice("adam", 3e-3))
    found = find_tickets(problem, [0.5], name="digits", seed=0, threads=1, **settings)
    tickets = found.at(0.5)
    networks = networks_of(problem, [tickets], found.stream)
    surest = by_confidence(problem, networks, fitted(problem, networks), found.stream)
    return by_size([*surest.rows, *by_superposition(problem, tickets, networks, found.stream)])


@pytest.mark.slow
def test_one_vs_rest_tickets_are_found_by_confidence_and_less_often_by_entropy(digits):
    found = {place: row["found"] for place, row in routed(digits).items()}
    assert found["confidence", 1] > 0.85 and found["confidence", 8] > 0.98
    assert 0.3 < found["superposition", 1] < found["confidence", 1]  # chance is 0.1
    assert found["superposition", 1] < found["superposition", 8]


@pytest.mark.slow
def test_tickets_of_clusters_are_found_and_batches_of_eight_score_as_if_the_context_were_known(tmp_path):
    rows = routed(clusters_in(tmp_path))
    assert all(row["found"] > 0.6 for row in rows.values())  # chance is 0.33
    assert rows["confidence", 8]["found"] > 0.98
    assert rows["confidence", 1]["routed"] < rows["confidence", 1]["known"]
    assert rows["confidence", 8]["routed"] == pytest.approx(rows["confidence", 8]["known"], abs=0.02)
