"""An image in a file is what a data set would have made of it, and a table is numbers or one line."""

import numpy as np
import pytest
import torch
from PIL import Image

from rtl_core.description.preprocessing import Arrays, Images
from rtl_core.errors import DataError
from rtl_core.problems.image_folder import read_image_folder
from rtl_core.use.files import read_inputs


def images(channels=3, height=4, width=6, white=255, fitted=True):
    zeros, ones = (0.0,) * channels, (1.0,) * channels
    return Images(channels=channels, height=height, width=width, white=white, fitted=fitted, mean=zeros, deviation=ones)


def picture(seed, size, mode="RGB"):
    draws = np.random.default_rng(seed)
    return Image.fromarray(draws.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_an_image_is_read_as_a_folder_of_images_is(tmp_path, mode):
    """All are 6 × 6 there: of several sizes, the commonest."""
    sizes = [(6, 6), (9, 6), (6, 6), (5, 12), (6, 6), (20, 7)]
    for number, size in enumerate(sizes):
        path = tmp_path / f"folder/{'ab'[number % 2]}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(number, size, mode).save(path)
    data, _, left_out = read_image_folder(str(tmp_path / "folder"), 0)
    paths = sorted(tmp_path.rglob("*.png"), key=lambda path: (path.parent, path.name))
    preprocessing = images(channels=data.images.shape[1], height=6, width=6)
    inputs, names = read_inputs(preprocessing, paths)
    assert not left_out and preprocessing.channels == (1 if mode == "L" else 3)
    assert torch.equal(inputs, data.images) and names == [str(path) for path in paths]


def test_of_several_frames_a_folder_takes_the_first_with_a_line(tmp_path):
    for number in range(6):
        path = tmp_path / f"folder/{'ab'[number % 2]}/{number}.webp"
        path.parent.mkdir(parents=True, exist_ok=True)
        frames = [picture(number, (6, 6)), picture(number + 9, (6, 6))]
        frames[0].save(path, save_all=number > 3, append_images=frames[1:] if number > 3 else [], lossless=True)
    data, _, left_out = read_image_folder(str(tmp_path / "folder"), 0)
    where = tmp_path / "folder/a/4.webp"
    assert left_out == [f"{where} and 1 more: found several frames; the first is taken"]
    assert torch.equal(data.images[2], torch.from_numpy(np.array(picture(4, (6, 6)))).permute(2, 0, 1))


def test_white_is_the_largest_value_of_the_images_that_tickets_learned_from(tmp_path):
    grey = torch.arange(16, dtype=torch.uint8).reshape(4, 4) * 17
    Image.fromarray(grey.numpy()).save(tmp_path / "x.png")
    inputs, _ = read_inputs(images(channels=1, height=4, width=4, white=15), [tmp_path / "x.png"])
    assert torch.equal(inputs[0, 0], torch.arange(16, dtype=torch.uint8).reshape(4, 4))


@pytest.mark.parametrize(
    ("preprocessing", "content", "line"),
    [
        (images(fitted=False), picture(0, (6, 5)), "x.png: found 6×5 pixels; allowed: 6×4, as trained"),
        (images(channels=1), picture(0, (6, 4)), "x.png: found colours; allowed: grey, as all images that these"),
        (images(channels=2), picture(0, (6, 4)), "x.png: found 3 channels; allowed: 2, in a file .npy"),
        (images(), b"no image", "x.png: not readable as an image"),
        (
            Arrays(shape=(3,), dtype="float32"),
            picture(0, (6, 4)),
            "x.png: found the suffix '.png'; allowed: .csv, .npy",
        ),
    ],
)
def test_an_image_that_is_none_of_theirs_is_one_line(tmp_path, preprocessing, content, line):
    path = tmp_path / "x.png"
    path.write_bytes(content) if isinstance(content, bytes) else content.save(path)
    with pytest.raises(DataError) as raised:
        read_inputs(preprocessing, [path])
    assert line in str(raised.value) and len(str(raised.value).splitlines()) == 1


FEATURES = Arrays(shape=(2, 2), dtype="float32")


@pytest.mark.parametrize("head", ["", "a,b,c,d\n", "\ufeffa,b,c,d\n\n"])
def test_a_table_is_a_row_an_example_under_names_or_none(tmp_path, head):
    (tmp_path / "x.csv").write_text(f"{head}1,2,3,4\n5,6.5,-7,8e1\n", encoding="utf-8")
    np.save(tmp_path / "x.npy", np.array([[[1, 2], [3, 4]], [[5, 6.5], [-7, 80]]]))
    inputs, names = read_inputs(FEATURES, [tmp_path / "x.csv", tmp_path / "x.npy"])
    assert torch.equal(inputs[:2], inputs[2:]) and inputs.shape == (4, 2, 2)
    assert names == [f"{tmp_path}/x.{kind} {row}" for kind in ("csv", "npy") for row in (1, 2)]


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("x.csv", b"1,2,3,4\n1,2,3\n", "x.csv: row 2: found '1, 2, 3'; allowed: 4 numbers"),
        ("x.csv", b"1,2,3,4x\n1,2,3,4\n", "x.csv: row 1: found '1, 2, 3, 4x'; allowed: 4 numbers"),
        ("x.csv", b"a,b\n", "x.csv: holds no example; allowed: one and more, one a row"),
        ("x.csv", b"", "x.csv: holds no example"),
        ("x.csv", b"\xff\xfe\x00", "x.csv: not readable as a table of numbers ('utf-8' codec can't decode byte 0xff"),
        ("x.npy", b"", "x.npy: not readable as a table of numbers (No data left in file)"),
        ("x.npy", b"\x93NUMPY", "x.npy: not readable as a table of numbers (EOF: reading magic string"),
        (
            "x.npy",
            b"\x80\x04K\x01.",
            "x.npy: not readable as a table of numbers (This file contains pickled (object) data)",
        ),
        ("x.npy", None, "x.npy: no such file"),
    ],
)
def test_a_table_that_is_none_is_one_line(tmp_path, name, content, line):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as raised:
        read_inputs(FEATURES, [tmp_path / name])
    assert line in str(raised.value) and len(str(raised.value).splitlines()) == 1
