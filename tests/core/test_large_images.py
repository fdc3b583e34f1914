"""Images that do not fit memory: the same values, splits and files as if they did."""

import numpy as np
import pytest
import torch
from PIL import Image

from rtl_core.errors import DataError
from rtl_core.problems.image_folder import ImageFolder
from rtl_core.problems.images import large_images
from rtl_core.problems.images.large_images import new_images
from rtl_core.problems.images.normalisation import mean_and_deviation
from rtl_core.problems.images.stored_images import FILE
from rtl_core.problems.images.streamed_images import StreamedImages

USERS = ("rtl_core.problems.images.large_images", "rtl_core.problems.image_folder")


@pytest.fixture
def pictures(tmp_path):
    """Three classes of twelve coloured images, of two sizes."""
    draws = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(12):
            size = (16, 12) if number % 3 else (20, 20)
            Image.fromarray(draws.integers(0, 256, (*size, 3), dtype=np.uint8)).save(
                tmp_path / f"pictures/{name}/{number:02}.png"
            )
    return str(tmp_path / "pictures")


@pytest.fixture
def little_memory(monkeypatch):
    for module in USERS:
        monkeypatch.setattr(f"{module}.MOST_IN_MEMORY", 5_000)
    monkeypatch.setattr(large_images, "AT_ONCE", 2_000)


@pytest.mark.parametrize("settings", [{}, {"image_size": 9}])
def test_the_partitioned_file_is_the_same(pictures, tmp_path, request, monkeypatch, settings):
    mapped, memmap = [], np.memmap
    monkeypatch.setattr(
        large_images.np, "memmap", lambda *given, **more: mapped.append(given) or memmap(*given, **more)
    )
    ImageFolder.partition(tmp_path / "all", path=pictures, **settings)
    assert not mapped
    request.getfixturevalue("little_memory")
    ImageFolder.partition(tmp_path / "few", path=pictures, **settings)
    assert mapped
    assert (tmp_path / "all" / FILE).read_bytes() == (tmp_path / "few" / FILE).read_bytes()


@pytest.mark.parametrize("augment", [[], ["flip", "crop"]])
def test_batches_and_scores_are_those_of_images_in_memory(pictures, tmp_path, request, augment):
    ImageFolder.partition(tmp_path / "data", path=pictures)
    options = {"device": "cpu", "batch_size": 8, "augment": augment, "normalise": "imagenet"}
    whole = ImageFolder(tmp_path / "data", **options)
    request.getfixturevalue("little_memory")
    streamed = ImageFolder(tmp_path / "data", **options)
    assert isinstance(streamed.images["train"], StreamedImages) and isinstance(whole.images["train"], torch.Tensor)
    for one, other in zip(
        [*whole.objectives, whole.single_objective], [*streamed.objectives, streamed.single_objective], strict=True
    ):
        pairs = zip(*(each.batches(torch.Generator().manual_seed(1)) for each in (one, other)), strict=True)
        assert all(torch.equal(a, b) for pair in pairs for a, b in zip(*pair, strict=True))
    network = whole.single_network(torch.Generator().manual_seed(0)).eval()
    assert whole.score_single(network) == streamed.score_single(network)
    assert [*whole.across_subsets(network).predictions] == [*streamed.across_subsets(network).predictions]


def test_counting_gives_the_mean_and_deviation_of_every_value(little_memory):
    pixels = torch.randint(0, 256, (40, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pixels[:, 2] = 7
    whole = mean_and_deviation("data", pixels)
    counted = mean_and_deviation("data", pixels, is_large=True)
    for one, other in zip(whole, counted, strict=True):
        assert torch.allclose(one, other, rtol=1e-6) and one.shape == other.shape
    assert counted[1][0, 2] == 1 and counted[0][0, 2] == 7, "a channel in which all images are alike"
    exact = pixels[:, :2].double()
    assert torch.equal(counted[1][:, :2], exact.std((0, 2, 3), keepdim=True).float())


def test_no_room_for_the_images_is_one_line():
    with pytest.raises(DataError, match=r"no room for \d+ bytes of images \(.+\); TMPDIR names another folder"):
        new_images((1 << 20, 3, 1 << 12, 1 << 12))
