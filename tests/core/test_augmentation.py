"""Variations of training images, and what images are normalised by."""

import pytest
import torch

from rtl_core.errors import SettingsError
from rtl_core.problems.digits import Digits
from rtl_core.problems.images.augmentation import Variations
from rtl_core.problems.images.normalisation import IMAGENET, mean_and_deviation, normalisation


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("digits")
    Digits.partition(made)
    return made


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batches(problem, objective, seed: int = 0) -> list[torch.Tensor]:
    return [images for images, *_ in objective.batches(drawn(seed))]


def test_without_augmentation_the_stream_of_the_batches_is_untouched(digits):
    generator, plain = drawn(0), drawn(0)
    first, _ = next(iter(digits.single_objective.batches(generator)))
    order = torch.randperm(len(digits.labels["train"]), generator=plain)
    assert torch.equal(first, digits.images["train"][order[: len(first)]])
    assert torch.equal(generator.get_state(), plain.get_state())


@pytest.mark.parametrize("kinds", [["flip"], ["crop"], ["flip", "crop"]])
def test_a_batch_is_a_function_of_the_stream_alone(folder, digits, kinds):
    problem = Digits(folder, augment=kinds, device="cpu")
    for objective, unvaried in [
        (problem.single_objective, digits.single_objective),
        (problem.objectives[3], digits.objectives[3]),
    ]:
        first, again, other = (batches(problem, objective, seed) for seed in (0, 0, 1))
        assert all(map(torch.equal, first, again))
        assert not torch.equal(first[0], other[0]) and not torch.equal(first[0], batches(digits, unvaried)[0])
        last = list(objective.batches(drawn(0)))[-1][0]
        assert torch.equal(last, first[-1]), "whatever became of the batches before it"
        assert all(images.is_contiguous(memory_format=torch.channels_last) for images in first if images.shape[1] > 1)


def test_flip_mirrors_about_half_of_the_images_and_crop_moves_them_over_the_mean():
    images = torch.arange(1, 200 * 3 * 16 * 16 + 1.0).reshape(200, 3, 16, 16)
    which = torch.arange(200)
    flipped = Variations(["flip"], 200, (16, 16), drawn(0)).applied(images, which)
    mirrored = torch.tensor([torch.equal(a, b.flip(2)) for a, b in zip(flipped, images, strict=True)])
    same = torch.tensor([torch.equal(a, b) for a, b in zip(flipped, images, strict=True)])
    assert bool((mirrored ^ same).all()) and 70 < mirrored.sum() < 130
    moved = Variations(["crop"], 200, (16, 16), drawn(0)).applied(images, which)
    moves = set()
    for image, original in zip(moved, images, strict=True):
        padded = torch.nn.functional.pad(original, (2, 2, 2, 2))
        moves |= {
            (y, x) for y in range(5) for x in range(5) if torch.equal(padded[:, y : y + 16, x : x + 16], image)
        }  # fmt: skip
    assert len(moves) == 25, "every move is drawn, and each image is a move of itself"


def test_scores_see_no_variation(folder, digits):
    problem = Digits(folder, augment=["flip", "crop"], device="cpu")
    assert all(torch.equal(problem.images[split], digits.images[split]) for split in digits.images)


def test_normalisation_is_the_datas_or_given(folder, digits):
    pixels = torch.randint(0, 256, (9, 3, 4, 4), dtype=torch.uint8, generator=drawn(0))
    mean, deviation = mean_and_deviation("data", pixels)
    values = (pixels - mean) / deviation
    assert torch.allclose(values.mean((0, 2, 3)), torch.zeros(3), atol=1e-6)
    assert torch.allclose(values.std((0, 2, 3)), torch.ones(3))
    mean, deviation = mean_and_deviation("imagenet", pixels)
    of_torchvision = (pixels[0, :, 0, 0] / 255 - torch.tensor(IMAGENET["mean"])) / torch.tensor(IMAGENET["std"])
    assert torch.allclose(((pixels - mean) / deviation)[0, :, 0, 0], of_torchvision, atol=1e-6)
    given = Digits(folder, normalise={"mean": [0.5], "std": [0.5]}, device="cpu").images["test"]
    assert given.min() == -1 and given.max() <= 1 and not torch.equal(given, digits.images["test"])
    with pytest.raises(SettingsError, match=r"training\.normalise: found imagenet for 3 channels; allowed: for 1"):
        Digits(folder, normalise="imagenet", device="cpu")


@pytest.mark.parametrize(
    "given",
    [3, "none", {}, {"mean": [0.5]}, {"mean": [1], "std": [0]}, {"mean": [1, 1], "std": [1]}, {"mean": 1, "std": 1}],
)
def test_what_is_no_normalisation_is_told_what_is(given):
    with pytest.raises(ValueError, match="data, imagenet, or"):
        normalisation(given)
