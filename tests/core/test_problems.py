import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_auroc

from rtl_core.errors import DataError
from rtl_core.problems.cifar import Cifar10
from rtl_core.problems.digits import Digits
from rtl_core.problems.images.labelled_images import LabelledImages, hold_out
from rtl_core.problems.images.stored_images import load_images
from rtl_core.randomness import Stream


def test_every_digit_is_in_exactly_one_split(tmp_path):
    Digits.partition(tmp_path, test_share=0.3, validation_share=0.2, seed=0)
    stored = load_images(tmp_path)
    splits = stored.splits
    assert len(stored.classes) == 10
    assert sum(map(len, splits.values())) == 1797
    assert len(splits["test"]) == pytest.approx(0.3 * 1797, abs=5)
    from sklearn.datasets import load_digits

    everything = torch.cat([data.images.flatten(1) for data in splits.values()]).tolist()
    assert sorted(everything) == sorted(load_digits().images.reshape(1797, 64).astype(int).tolist())


def test_the_same_seed_splits_alike_and_another_differently(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        Digits.partition(tmp_path / name, seed=seed)
    files = [(tmp_path / name / "images.safetensors").read_bytes() for name in "abc"]
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_a_held_out_share_is_of_every_class():
    data = LabelledImages(torch.zeros(30, 1, 2, 2, dtype=torch.uint8), torch.tensor([0] * 20 + [1] * 10))
    kept, held = hold_out(data, 0.3, Stream(0))
    assert torch.bincount(held.labels).tolist() == [6, 3]
    assert torch.bincount(kept.labels).tolist() == [14, 7]


def test_a_tickets_batches_are_half_its_own_class_and_half_others(digits):
    assert len({objective.loss for objective in digits.objectives}) == 1  # so that one captured step serves all
    for k, objective in enumerate(digits.objectives):
        batches = list(objective.batches(Stream(1).generator()))
        assert len(batches) == objective.batches_per_epoch
        assert all(len(images) <= digits.batch_size for images, *_ in batches)
        assert all(abs(2 * targets.sum() - len(targets)) <= 2 for _, targets, _ in batches)
        positives = torch.cat([images[targets == 1] for images, targets, _ in batches])
        negatives = torch.cat([images[targets == 0] for images, targets, _ in batches])
        own = digits.images["train"][digits.labels["train"] == k]
        assert sorted(positives.flatten(1).tolist()) == sorted(own.flatten(1).tolist())
        rest = {tuple(row) for row in digits.images["train"][digits.labels["train"] != k].flatten(1).tolist()}
        assert len(negatives) == len(positives)
        assert all(tuple(row) in rest for row in negatives.flatten(1).tolist())
        for *_, outputs in batches:
            assert (outputs[:, 0] == k).all() and (outputs.sort().values == torch.arange(10)).all()


def test_random_partition_every_image_is_in_one_part_and_parts_are_equal(digits):
    before = [members.clone() for members in digits.members]
    dealt = digits.random_partition(torch.Generator().manual_seed(0))
    count = len(digits.labels["train"])
    assert torch.equal(torch.cat(dealt.members).sort().values, torch.arange(count))
    sizes = [len(members) for members in dealt.members]
    assert max(sizes) - min(sizes) <= 1
    for members, others in zip(dealt.members, dealt.others, strict=True):
        assert torch.equal(torch.cat([members, others]).sort().values, torch.arange(count))
        assert len(digits.labels["train"][members].unique()) == 10
    assert all(torch.equal(a, b) for a, b in zip(before, digits.members, strict=True))


def test_the_single_models_epoch_is_every_training_image_once(digits):
    batches = list(digits.single_objective.batches(Stream(1).generator()))
    assert len(batches) == digits.single_objective.batches_per_epoch
    labels = torch.cat([labels for _, labels in batches])
    assert torch.equal(labels.bincount(), digits.labels["train"].bincount())


@pytest.fixture
def archive(tmp_path):
    """A folder of small, sound CIFAR arrays, and a way to spoil one of them."""
    generator = np.random.default_rng(0)

    def write(split="train", **spoiled):
        arrays = {
            "images": generator.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8),
            "labels": np.arange(40) % 4,
            "classes": np.array(["a", "b", "c", "d"]),
        }
        np.savez(tmp_path / f"{split}.npz", **(arrays | spoiled))
        return tmp_path

    write("train")
    write("test")
    return write


def partition(source: Path) -> None:
    Cifar10.partition(source / "out", path=str(source))


def test_sound_arrays_are_read(archive):
    folder = archive()
    partition(folder)
    problem = Cifar10(folder / "out", batch_size=8)
    assert problem.subsets == ("a", "b", "c", "d")
    assert problem.images["train"].shape[1:] == (3, 32, 32)


@pytest.mark.parametrize(
    ("spoiled", "line"),
    [
        ({"labels": np.arange(40) % 5}, "label 4 is out of range; allowed: 0 to 3"),
        ({"labels": np.arange(40) % 4 - 1}, "label -1 is out of range"),
        ({"labels": np.arange(40) % 3}, "class 'd' has no samples"),
        ({"labels": np.arange(39) % 4}, "40 images but 39 labels"),
        ({"images": np.zeros((40, 32, 32, 3))}, "found images float64"),
        ({"images": np.zeros((40, 32, 32), dtype=np.uint8)}, "expected uint8"),
        ({"classes": np.array(["a", {}], dtype=object)}, "not readable as images, labels and classes"),
    ],
)
def test_unsound_arrays_are_named(archive, spoiled, line):
    folder = archive("train", **spoiled)
    with pytest.raises(DataError) as raised:
        partition(folder)
    assert str(raised.value).startswith(f"{folder}/train.npz: ")
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_truncated_archive_a_missing_folder_and_an_unset_variable(archive, tmp_path, monkeypatch):
    folder = archive()
    data = (folder / "test.npz").read_bytes()
    for length in (0, 100, len(data) // 2, len(data) - 1):
        (folder / "test.npz").write_bytes(data[:length])
        with pytest.raises(DataError, match=r"test\.npz: not readable"):
            partition(folder)
    with pytest.raises(DataError, match=r"nowhere/train\.npz: not found; partition\.path must be a folder with"):
        Cifar10.partition(tmp_path / "out", path="nowhere")
    monkeypatch.delenv("RTL_DATA", raising=False)
    with pytest.raises(DataError, match="'\\$RTL_DATA/cifar10', but that environment variable is not set"):
        Cifar10.partition(tmp_path / "out")


@pytest.mark.slow
@pytest.mark.skipif("RTL_DATA" not in os.environ, reason="RTL_DATA names no folder of real data")
def test_real_cifar_images_are_trained_on(tmp_path, stream, adam):
    from rtl_core.construction import initial_weights
    from rtl_core.duration import Duration
    from rtl_core.extraction import extract_tickets
    from rtl_core.pruning import plan_rounds
    from rtl_core.retraining import retrain

    Cifar10.partition(tmp_path, share=0.02)
    problem = Cifar10(tmp_path, batch_size=64)
    assert "airplane" in problem.subsets
    rounds = plan_rounds(initial_weights(problem, stream).layout.size, [0.5], 0.5, 1)
    masks = extract_tickets(problem, rounds, Duration.parse("2it"), adam, stream)[0.5]
    tickets = retrain(
        initial_weights(problem, stream), masks, problem.objectives, Duration.parse("3ep"),
        problem.batches_per_epoch, "synchronous", adam, stream,
    )  # fmt: skip
    networks = [tickets.network(k, problem.network(Stream(0).generator())) for k in range(10)]
    scores = {(s.protocol, s.metric): s.value for s in problem.score(networks) if s.subset == "mean"}
    assert scores["matched", "auroc"] > 0.6


def test_across_subsets_a_network_is_scored_on_every_job(digits):
    network = digits.network(torch.Generator().manual_seed(0)).eval()
    found, labels = digits.across_subsets(network), digits.labels["test"]
    with torch.inference_mode():
        logits = network(digits.images["test"]).double()
    assert found.metric == "auroc"
    for k, score in enumerate(found.scores):
        assert score == pytest.approx(binary_auroc(logits[:, k], (labels == k).long()).item())
    assert torch.equal(found.predictions, logits.argmax(1))
