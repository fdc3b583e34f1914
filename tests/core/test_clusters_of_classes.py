"""Classes in clusters: one ticket a cluster against all others, or one a cluster to tell its classes apart."""

import os

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rtl_core.construction import initial_weights
from rtl_core.errors import DataError, SettingsError
from rtl_core.one_network import as_one_network
from rtl_core.problems.cifar import Cifar100, Cifar100Within
from rtl_core.problems.digits import Digits
from rtl_core.problems.images.class_clusters import ClassClusters
from rtl_core.problems.images.one_vs_rest import OneVsRest
from rtl_core.problems.images.stored_images import load_images, save_images
from rtl_core.problems.images.within_cluster import WithinCluster
from rtl_core.randomness import Stream
from rtl_core.valid_problem import check_problem

CLUSTERS = ClassClusters(("few", "many", "some"), (1, 0, 1, 2, 1, 0, 2, 1, 2, 1))
CLASSES_OF = [[1, 5], [0, 2, 4, 7, 9], [3, 6, 8]]
REAL = pytest.mark.skipif("RTL_DATA" not in os.environ, reason="RTL_DATA names no folder of real data")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A way to store the digits with clusters, or without."""
    plain = tmp_path_factory.mktemp("plain")
    Digits.partition(plain)
    stored = load_images(plain)

    def with_clusters(clusters):
        folder = tmp_path_factory.mktemp("clustered")
        save_images(folder, stored.splits, stored.classes, clusters)
        return folder

    return with_clusters


@pytest.fixture(scope="module")
def one_vs_rest(folder):
    return OneVsRest(folder(CLUSTERS), device="cpu")


@pytest.fixture(scope="module")
def within(folder):
    return WithinCluster(folder(CLUSTERS), device="cpu")


class Knowing(nn.Module):
    """A network whose largest output is the right one, for the images that it has seen."""

    def __init__(self, problem, right):
        super().__init__()
        self.outputs = int(max(right("train"))) + 1
        self.answers = {
            image.numpy().tobytes(): label
            for split in problem.images
            for image, label in zip(problem.images[split], right(split).tolist(), strict=True)
        }

    def forward(self, images):
        answers = torch.tensor([self.answers[image.numpy().tobytes()] for image in images])
        return 40 * F.one_hot(answers, self.outputs).float() - 20


def by_place(scores):
    return {(score.protocol, score.metric, score.subset): score.value for score in scores}


def logits_of(network, problem, split="test"):
    with torch.inference_mode():
        return network(problem.images[split]).double().numpy()


def test_clusters_are_stored_where_there_are_any(folder):
    assert load_images(folder(CLUSTERS)).clusters == CLUSTERS
    single = load_images(folder(None))
    assert single.clusters == ClassClusters(single.classes, tuple(range(10)))
    digests = [(folder(clusters) / "images.safetensors").read_bytes() for clusters in (CLUSTERS, None)]
    assert b"of_class" in digests[0] and b"cluster" not in digests[1]


def test_batches_that_were_drawn_to_be_scored_serve_training_too(folder):
    problem = OneVsRest(folder(CLUSTERS), batch_size=64, device="cpu")
    with torch.inference_mode():
        list(problem.objectives[0].batches(torch.Generator()))
    weights = initial_weights(problem, Stream(0))
    objective = problem.objectives[0]
    for batch in objective.batches(torch.Generator()):
        objective.loss(weights.network, batch).backward()


@pytest.mark.parametrize("of_class", [(0,) * 9, (0,) * 10, (0, 1, 2, 3) + (0,) * 6])
def test_clusters_that_do_not_fit_the_classes_are_not_stored(folder, of_class):
    with pytest.raises(
        DataError, match=r"clusters: found \d+ classes in \d clusters; allowed: 10 classes in all of few"
    ):
        folder(ClassClusters(CLUSTERS.names, of_class))


def test_one_class_a_cluster_is_as_without_clusters(folder, digits):
    clustered = OneVsRest(folder(ClassClusters(digits.classes, tuple(range(10)))), batch_size=64, device="cpu")
    objectives = [[*problem.objectives, problem.single_objective] for problem in (digits, clustered)]
    for one, other in zip(*objectives, strict=True):
        assert (one.name, one.batches_per_epoch) == (other.name, other.batches_per_epoch)
        batches = (objective.batches(Stream(1).generator()) for objective in (one, other))
        for a, b in zip(*batches, strict=True):
            assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    networks = [digits.network(Stream(seed).generator()).eval() for seed in range(10)]
    assert digits.score(networks) == clustered.score(networks)
    assert digits.score_single(networks[0]) == clustered.score_single(networks[0])
    across = [problem.across_subsets(networks[0]) for problem in (digits, clustered)]
    assert across[0].scores == across[1].scores and torch.equal(across[0].predictions, across[1].predictions)


def test_the_single_network_differs_in_its_classifier_alone(one_vs_rest):
    ticket, single = (initial_weights(view, Stream(0)) for view in (one_vs_rest, as_one_network(one_vs_rest)))
    assert ticket.layout == single.layout and torch.equal(ticket.prunable, single.prunable)
    shapes = [dict(weights.network.named_parameters())["11.weight"].shape for weights in (ticket, single)]
    assert shapes == [(3, 32), (10, 32)]


def test_a_clusters_positives_are_the_images_of_its_classes(one_vs_rest):
    labels = one_vs_rest.labels["train"].numpy()
    for k, objective in enumerate(one_vs_rest.objectives):
        assert one_vs_rest.members[k].tolist() == np.isin(labels, CLASSES_OF[k]).nonzero()[0].tolist()
        targets = torch.cat([targets for _, targets, _ in objective.batches(Stream(1).generator())])
        assert targets.sum() == (targets == 0).sum() == len(one_vs_rest.members[k])


def test_a_cluster_of_most_images_meets_negatives_again(folder):
    problem = OneVsRest(folder(ClassClusters(("most", "rest"), (0,) * 8 + (1,) * 2)), batch_size=64, device="cpu")
    for images, targets, _ in problem.objectives[0].batches(Stream(1).generator()):
        assert len(images) <= 64 and abs(2 * targets.sum() - len(targets)) <= 2


def test_one_softmax_network_decides_for_the_cluster_of_its_likeliest_class(one_vs_rest):
    network = one_vs_rest.single_network(Stream(3).generator()).eval()
    logits, labels = logits_of(network, one_vs_rest), one_vs_rest.labels["test"].numpy()
    chosen, of_class = logits.argmax(1), np.array(CLUSTERS.of_class)
    scores = by_place(one_vs_rest.score_single(network))
    assert scores["matched", "class_accuracy", "mean"] == pytest.approx((chosen == labels).mean())
    for k, name in enumerate(CLUSTERS.names):
        recall = (of_class[chosen] == k)[of_class[labels] == k].mean()
        assert scores["paper", "recall", name] == pytest.approx(recall)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    summed = np.stack([probabilities[:, classes].sum(1) for classes in CLASSES_OF], axis=1)
    np.testing.assert_allclose(one_vs_rest._of_subsets(torch.from_numpy(probabilities)), summed)
    accuracy = (summed.argmax(1) == of_class[labels]).mean()
    assert scores["matched", "accuracy", "mean"] == pytest.approx(accuracy)


def test_networks_that_know_score_one(one_vs_rest, within):
    subsets = Knowing(one_vs_rest, one_vs_rest.subset_of)
    classes = Knowing(one_vs_rest, one_vs_rest.labels.get)
    for scores in (one_vs_rest.score([subsets] * 3), one_vs_rest.score_single(classes)):
        assert {round(value, 9) for value in by_place(scores).values()} == {1.0}
    for scores in (within.score([classes] * 3), within.score_single(classes)):
        assert by_place(scores) == {("within", "accuracy", name): 1.0 for name in (*CLUSTERS.names, "mean")}


def test_only_single_networks_are_asked_for_the_class(one_vs_rest):
    tickets = [one_vs_rest.network(Stream(seed).generator()).eval() for seed in range(3)]
    assert "class_accuracy" not in {score.metric for score in one_vs_rest.score(tickets)}
    network = one_vs_rest.single_network(Stream(0).generator()).eval()
    (score,) = (score for score in one_vs_rest.score_single(network) if score.metric == "class_accuracy")
    shares = one_vs_rest.labels["test"].bincount().double() / len(one_vs_rest.labels["test"])
    assert score.higher_is_better and score.chance == pytest.approx(shares.max().item())


def test_within_a_cluster_a_ticket_learns_its_own_classes_alone(within):
    labels = within.labels["train"]
    for k, objective in enumerate(within.objectives):
        network = within.network(Stream(k).generator())
        seen = list(objective.batches(Stream(1).generator()))
        assert len(seen) == objective.batches_per_epoch and all(len(images) <= 64 for images, *_ in seen)
        found = torch.cat([batch for _, batch, _ in seen]).bincount(minlength=10)
        assert torch.equal(found, torch.where(within.cluster_of == k, labels.bincount(), 0))
        images, batch, _ = seen[0]
        loss = objective.loss(network, seen[0])
        own = torch.tensor([CLASSES_OF[k].index(label) for label in batch.tolist()])
        assert loss.item() == pytest.approx(F.cross_entropy(network(images)[:, CLASSES_OF[k]], own).item())
        loss.backward()
        moved = network[-1].weight.grad.abs().sum(1).nonzero().squeeze(1)
        assert moved.tolist() == CLASSES_OF[k]


def test_accuracy_within_clusters_is_what_numpy_finds(within):
    networks = [within.network(Stream(seed).generator()).eval() for seed in range(3)]
    single, labels = networks[0], within.labels["test"].numpy()
    for scores, used in ((within.score(networks), networks), (within.score_single(single), [single] * 3)):
        values = []
        for k, classes in enumerate(CLASSES_OF):
            mine = np.isin(labels, classes)
            chosen = np.array(classes)[logits_of(used[k], within)[mine][:, classes].argmax(1)]
            assert set(chosen) <= set(classes)
            values.append((chosen == labels[mine]).mean())
        names = zip((*CLUSTERS.names, "mean"), (*values, np.mean(values)), strict=True)
        assert by_place(scores) == pytest.approx({("within", "accuracy", name): value for name, value in names})
        counts = [np.bincount(labels[np.isin(labels, classes)]) for classes in CLASSES_OF]
        shares = [count.max() / count.sum() for count in counts]
        assert [score.chance for score in scores] == pytest.approx([*shares, np.mean(shares)])
        assert all(score.higher_is_better for score in scores)
    across = within.across_subsets(single)
    assert across.metric == "accuracy" and across.scores == pytest.approx(values)
    assert across.predictions.tolist() == logits_of(single, within).argmax(1).tolist()


def test_classes_random_partition_keep_the_sizes_of_clusters(within):
    dealt = within.random_partition(torch.Generator().manual_seed(0))
    assert sorted(dealt.cluster_of.tolist()) == sorted(CLUSTERS.of_class)
    assert dealt.cluster_of.tolist() != list(CLUSTERS.of_class)
    for k, members in enumerate(dealt.members):
        assert dealt.labels["train"][members].unique().tolist() == dealt.classes_of(k).tolist()
    assert within.cluster_of.tolist() == list(CLUSTERS.of_class)


def test_a_cluster_of_one_class_has_nothing_to_tell_apart(folder):
    lonely = ClassClusters(("one", "others"), (0,) + (1,) * 9)
    assert OneVsRest(folder(lonely)).subsets == ("one", "others")
    with pytest.raises(DataError, match="cluster 'one': found 1 class; allowed: 2 and more, to be told apart"):
        WithinCluster(folder(lonely))
    together = ClassClusters(("all",), (0,) * 10)
    with pytest.raises(DataError, match=r"found 1 subset\(s\); tickets need at least two"):
        check_problem(WithinCluster(folder(together)))


@pytest.fixture
def archive(tmp_path):
    """A folder of small arrays in the form of CIFAR-100's, of six classes."""
    draws = np.random.default_rng(0)
    for split in ("train", "test"):
        images = draws.integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
        np.savez(tmp_path / f"{split}.npz", images=images, labels=np.arange(60) % 6, classes=np.array(list("abcdef")))
    return tmp_path


@pytest.mark.parametrize("cls", [Cifar100, Cifar100Within])
def test_a_users_own_table_clusters_the_classes(archive, cls):
    table = archive / "mine.csv"
    table.write_text("class,cluster\nf,late\na,early\nb,early\nc,early\nd,late\ne,late\n")
    settings = {"path": str(archive), "clusters": str(table)}
    cls.partition(archive / "out", **settings)
    assert cls.source_files(**settings) == [archive / "train.npz", archive / "test.npz", table]
    problem = cls(archive / "out", batch_size=8, device="cpu")
    check_problem(problem)
    assert [problem.subsets[k] for k in problem.cluster_of] == ["early"] * 3 + ["late"] * 3
    table.write_text("class,cluster\na,early\nb,early\nc,early\nd,late\ne,late\n")
    with pytest.raises((DataError, SettingsError), match=r"mine\.csv.*f") as raised:
        cls.partition(archive / "out", **settings)
    assert "\n" not in str(raised.value)


@REAL
@pytest.mark.parametrize("cls", [Cifar100, Cifar100Within])
def test_real_cifar_100_in_the_papers_clusters(tmp_path, cls):
    cls.partition(tmp_path, share=0.05)
    problem = cls(tmp_path, network="ghostnet", batch_size=256, device="cpu")
    check_problem(problem)
    assert len(problem.subsets) == 8 and len(problem.classes) == len(set(problem.classes)) == 100
    assert sorted(problem.cluster_of.bincount().tolist()) == [4, 5, 8, 9, 9, 15, 22, 28]
    assert initial_weights(problem, Stream(0)).layout.size == 125_832
    assert initial_weights(as_one_network(problem), Stream(0)).layout.size == 125_832
    network = problem.network(Stream(0).generator()).eval()
    for scores in (problem.score([network] * 8), problem.score_single(problem.single_network(Stream(0).generator()))):
        assert all(0 <= score.value <= 1 for score in scores)


@REAL
def test_what_is_told_of_the_clusters(tmp_path):
    """Each class stands in one cluster, and clusters agree with the table that they were read from alone."""
    told = {}
    for clusters in ("paper", "superclass"):
        folder = tmp_path / clusters
        folder.mkdir()
        Cifar100.partition(folder, share=0.05, clusters=clusters)
        facts = Cifar100(folder, network="small_cnn", device="cpu").facts
        names = [name for members in facts["clusters"].values() for name in members]
        assert len(set(names)) == len(names) == 100
        told[clusters] = facts["adjusted_rand_index"]
    assert told["paper"]["paper"] == told["superclass"]["superclass"] == 1
    assert told["paper"]["superclass"] == told["superclass"]["paper"] == pytest.approx(0.29, abs=0.01)
