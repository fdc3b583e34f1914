import os
import re
from pathlib import Path
from warnings import catch_warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from safetensors.torch import save_file
from scipy import ndimage

from rtl_core.errors import DataError
from rtl_core.left_out import LEFT_OUT
from rtl_core.problems.image_regions import ImageRegions
from rtl_core.problems.regions.folders import cluster_regions, folder_files, read_folders, sample_photographs
from rtl_core.problems.regions.lab import colours_apart, lab_of
from rtl_core.problems.regions.region_image import FILE, RegionImage, load, save
from rtl_core.problems.regions.settling import settle

MAPS = hnp.arrays(np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 3))
HALVES = np.repeat([[1, 1, 1, 2, 2]], 4, axis=0).astype(np.uint8)
"""A map of two regions, 5 wide and 4 high."""
ORIENTATION = 0x0112


def pieces_of(regions):
    """Every 4-connected piece as (label, mask)."""
    for label in np.unique(regions):
        numbered, count = ndimage.label(regions == label)
        yield from ((label, numbered == number) for number in range(1, count + 1))


def photograph(shape=HALVES.shape) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8))


def write(folder: Path, stem: str, picture=None, regions=None) -> None:
    for kind, content in (("images", picture or photograph()), ("regions", regions)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        if content is not None:
            found = content if isinstance(content, Image.Image) else Image.fromarray(content)
            # The name says PNG; what PNG cannot hold is written as TIFF, which Pillow tells by its first bytes.
            found.save(folder / kind / f"{stem}.png", "TIFF" if found.mode in ("F", "I") else "PNG")


def read(*folders: Path, longest_side=96, smallest_region=0.0, num_regions=3):
    return read_folders([str(folder) for folder in folders], longest_side, smallest_region, num_regions, 0)


@given(regions=MAPS, smallest=st.integers(1, 40))
def test_settling_leaves_no_fragment_and_moves_nothing_else(regions, smallest):
    if not regions.any():
        with pytest.raises(DataError, match="found no labelled pixel"):
            settle(regions, smallest)
        return
    before = regions.copy()
    settled = settle(regions, smallest)
    assert (settled > 0).all() and set(np.unique(settled)) <= set(np.unique(regions))
    remaining = [mask.sum() for _, mask in pieces_of(settled)]
    assert min(remaining) >= smallest or len(remaining) == 1
    for label, mask in pieces_of(regions):
        if label and mask.sum() >= smallest:
            assert (settled[mask] == label).all()
        else:
            assert len(np.unique(settled[mask])) == 1
    assert np.array_equal(settle(settled, smallest), settled)
    assert np.array_equal(settle(regions, smallest), settled) and np.array_equal(regions, before)


@given(regions=MAPS.filter(np.any), smallest=st.integers(1, 40))
def test_settling_names_no_label_twice_however_labels_are_stored(regions, smallest):
    settled = settle(regions, smallest)
    assert settled.dtype == regions.dtype
    assert np.array_equal(settle(regions.astype(np.uint8), smallest), settled)
    assert np.array_equal(settle(regions * 1000, smallest), settled * 1000)


@pytest.mark.parametrize(
    ("regions", "smallest", "expected"),
    [
        # Three sides with 2, one with 1.
        ([[1, 1, 2], [1, 9, 2], [1, 2, 2]], 2, [[1, 1, 2], [1, 1, 2], [1, 2, 2]]),
        ([[1, 2, 2], [1, 9, 2], [1, 2, 2]], 2, [[1, 2, 2], [1, 2, 2], [1, 2, 2]]),
        # Unlabelled pixels move whatever their number, and before fragments do.
        ([[1, 0, 0, 0, 2], [1, 0, 0, 0, 2], [1, 1, 1, 1, 2]], 1, [[1, 1, 1, 1, 2], [1, 1, 1, 1, 2], [1, 1, 1, 1, 2]]),
        ([[1, 1, 0, 3]], 2, [[1, 1, 1, 1]]),
        # The smallest goes first: 3 joins 4, which is large enough then.
        ([[1, 1, 1, 4, 4, 3]], 3, [[1, 1, 1, 4, 4, 4]]),
        # Two pieces of one label count together.
        ([[7, 5, 7]] * 2 + [[7, 9, 7]] + [[7, 6, 7]] * 2, 2, [[7, 5, 7]] * 2 + [[7, 7, 7]] + [[7, 6, 7]] * 2),
        # Nothing is left to join.
        ([[5, 5]], 9, [[5, 5]]),
    ],
)  # fmt: skip
def test_a_fragment_joins_what_surrounds_it_most(regions, smallest, expected):
    assert settle(np.array(regions), smallest).tolist() == expected


def test_noise_of_many_pieces_settles():
    noise = np.random.default_rng(0).integers(0, 5, (96, 128))
    settled = settle(noise, 60)
    assert min(mask.sum() for _, mask in pieces_of(settled)) >= 60


def test_clusters_are_the_same_every_time_and_follow_colour():
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, 10:20], pixels[:, 20:] = (200, 30, 30), (240, 240, 240)
    labels = cluster_regions(pixels, 3, seed=0)
    assert sorted(np.unique(labels)) == [1, 2, 3]
    assert all(len(np.unique(labels[:, start : start + 10])) == 1 for start in (0, 10, 20))
    noisy = np.array(photograph((40, 30)))
    assert np.array_equal(cluster_regions(noisy, 6, seed=3), cluster_regions(noisy, 6, seed=3))
    assert cluster_regions(noisy[:1, :2], 6, seed=0).max() == 2
    assert set(np.unique(cluster_regions(np.full((4, 4, 3), 7, np.uint8), 2, seed=0))) == {1, 2}


def test_regions_are_numbered_by_falling_size_then_by_label(tmp_path):
    write(tmp_path / "a", "x", regions=np.array([[9, 9, 4, 4, 7]] * 4, np.uint8))
    (image,), left_out = read(tmp_path / "a")
    assert left_out == [] and image.name == "a-x"
    assert image.regions.dtype == image.pixels.dtype == torch.uint8
    assert image.regions.tolist() == [[1, 1, 0, 0, 2]] * 4
    assert torch.equal(image.pixels, torch.from_numpy(np.array(photograph())))


def test_a_name_is_folder_and_stem_with_odd_characters_replaced(tmp_path):
    write(tmp_path / "my folder", "ADE_val.1 é", regions=HALVES)
    (image,), _ = read(tmp_path / "my folder" / ".." / "my folder")
    assert image.name == "my_folder-ADE_val.1_é"


def test_folders_may_name_the_environment(tmp_path, monkeypatch):
    write(tmp_path / "a", "x", regions=HALVES)
    monkeypatch.setenv("SOME_MAPS", str(tmp_path))
    images, _ = read_folders(["$SOME_MAPS/a"], 96, 0.0, 3, 0)
    assert [image.name for image in images] == ["a-x"]
    assert folder_files(["$SOME_MAPS/a"]) == [tmp_path / "a/images/x.png", tmp_path / "a/regions/x.png"]
    monkeypatch.delenv("SOME_MAPS")
    with pytest.raises(DataError, match=r"'\$SOME_MAPS/a', but that environment variable is not set"):
        read_folders(["$SOME_MAPS/a"], 96, 0.0, 3, 0)


@pytest.mark.parametrize(
    ("size", "longest_side", "expected"),
    [((200, 100), 50, (25, 50)), ((33, 100), 50, (50, 16)), ((40, 30), 50, (30, 40)), ((300, 2), 50, (1, 50))],
)
def test_images_are_scaled_down_and_never_up(tmp_path, size, longest_side, expected):
    width, height = size
    regions = np.ones((height, width), np.uint8)
    regions[:, width // 2 :] = 2
    write(tmp_path, "x", photograph((height, width)), regions)
    (image,), _ = read(tmp_path, longest_side=longest_side)
    assert image.regions.shape == expected and image.pixels.shape == (*expected, 3)


def test_a_pixel_is_the_mean_of_what_it_covers(tmp_path):
    picture = photograph((40, 20))
    write(tmp_path, "x", picture, np.repeat([[1] * 8 + [2] * 12], 40, axis=0).astype(np.uint8))
    (image,), _ = read(tmp_path, longest_side=10)
    means = np.array(picture).reshape(10, 4, 5, 4, 3).mean((1, 3))
    assert np.abs(image.pixels.numpy() - means).max() <= 1
    assert image.regions.tolist() == [[1, 1, 0, 0, 0]] * 10


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize(
    "regions",
    [
        Image.fromarray(HALVES + 253),
        Image.fromarray((HALVES.astype(np.uint16) * 256) + 7),  # their low bytes are alike
        Image.fromarray(HALVES.astype(np.int32) * 70_000),
        Image.fromarray(HALVES).convert("P"),
    ],
    ids=lambda picture: picture.mode,
)
def test_maps_of_every_depth_keep_their_labels(tmp_path, regions, scale):
    height, width = HALVES.shape
    size = (scale * width, scale * height)
    if regions.mode == "P":
        regions.putpalette([0, 0, 0] * 256)  # the index counts, not its colour
    write(tmp_path, "x", photograph(size[::-1]), regions.resize(size, Image.Resampling.NEAREST))
    (image,), left_out = read(tmp_path, longest_side=width)
    assert left_out == [] and image.regions.tolist() == (HALVES - 1).tolist()


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (Image.new("L", (5, 4), 9), (9, 9, 9)),
        (Image.new("1", (5, 4), 1), (255, 255, 255)),
        (Image.new("P", (5, 4), 0), (0, 0, 0)),
        (Image.new("RGBA", (5, 4), (255, 0, 0, 0)), (255, 255, 255)),
        (Image.new("LA", (5, 4), (50, 255)), (50, 50, 50)),
        (Image.fromarray(np.full((4, 5), 257 * 80, np.uint16)), (80, 80, 80)),
    ],
    ids=lambda value: getattr(value, "mode", None),
)
def test_images_of_every_mode_become_rgb(tmp_path, picture, expected):
    write(tmp_path, "x", picture, HALVES)
    (image,), _ = read(tmp_path)
    assert (image.pixels == torch.tensor(expected)).all()


TURNS = {
    1: lambda upright: upright,
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: np.swapaxes(upright, 0, 1),
    6: np.rot90,
    7: lambda upright: np.swapaxes(np.rot90(upright, 2), 0, 1),
    8: lambda upright: np.rot90(upright, -1),
}
"""How an upright picture lies in a file of each EXIF orientation."""
CORNERS = np.array([[1, 1, 1, 1, 2], [1, 1, 1, 3, 2], [1, 1, 3, 3, 2], [1, 3, 3, 3, 2]], np.uint8)
"""A map that no turn leaves as it is, 5 wide and 4 high; nor does one its right square."""
BY_SIZE = np.vectorize({1: 0, 3: 1, 2: 2}.get)
ASSUMED = "taken to be drawn on the image as stored, and turned as the image's EXIF turns it"


def save_turned(folder, upright, orientation, regions, of_map=None):
    """An image stored turned, and its map: stored as given, with an orientation of its own if there is one."""
    for kind, pixels, own in (("images", TURNS[orientation](upright), orientation), ("regions", regions, of_map)):
        (folder / kind).mkdir(exist_ok=True)
        exif = Image.Exif()
        if own:
            exif[ORIENTATION] = own
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / kind / "x.png", exif=exif)


@pytest.mark.parametrize("side", [4, 5], ids=["square", "wide"])
@pytest.mark.parametrize("orientation", TURNS)
def test_a_map_is_turned_as_its_image_is_and_where_nothing_says_so_that_is_told(tmp_path, orientation, side):
    regions = CORNERS[:, -side:]
    upright = np.array(photograph(regions.shape))
    expected = BY_SIZE(regions)
    save_turned(tmp_path, upright, orientation, TURNS[orientation](regions))
    (image,), told = read(tmp_path)
    assert np.array_equal(image.pixels, upright) and np.array_equal(image.regions, expected)
    fits_both = orientation in (2, 3, 4) or (side == 4 and orientation > 1)
    assert len(told) == fits_both
    assert all(line.startswith(f"{tmp_path}/regions/x.png: {ASSUMED}") and "\n" not in line for line in told)

    for own in (orientation, 1):  # its own EXIF counts, whatever the image's
        save_turned(tmp_path, upright, orientation, TURNS[own](regions), of_map=own)
        (image,), told = read(tmp_path)
        assert told == [] and np.array_equal(image.pixels, upright) and np.array_equal(image.regions, expected), own


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_map_that_fits_its_turned_image_alone_lies_on_that(tmp_path, orientation):
    upright = np.array(photograph(CORNERS.shape))
    save_turned(tmp_path, upright, orientation, CORNERS)
    (image,), told = read(tmp_path)
    assert told == [] and np.array_equal(image.regions, BY_SIZE(CORNERS))
    save_turned(tmp_path, upright, orientation, CORNERS[:, :4])
    with pytest.raises(DataError, match="found 4×4, its image has 5×4; allowed: the image's size"):
        read(tmp_path)


def test_one_line_tells_of_all_maps_that_were_turned(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        save_turned(tmp_path / name, np.array(photograph(CORNERS.shape)), 3, CORNERS)
    images, (line,) = read(tmp_path / "a", tmp_path / "b", tmp_path / "c")
    assert len(images) == 3 and line.startswith(f"{tmp_path}/a/regions/x.png and 2 more: {ASSUMED}")


@pytest.mark.parametrize(
    ("names", "plain"),
    [
        (["фото", "снег"], ["my-фото", "my-снег"]),
        (["a b", "a_b"], ["my-a_b"]),
        (["a b", "a,b", "a  b"], []),
        (["X", "x"], []),
        (["e\u0301"], ["my-é"]),
        (["写" * 80, "写" * 79 + "真"], []),
    ],
)
def test_images_of_different_names_are_instances_of_their_own(tmp_path, names, plain):
    regions = np.kron(HALVES, np.ones((4, 4), np.uint8))
    for place, name in enumerate(names):
        write(tmp_path / "my", name, Image.new("RGB", regions.shape[::-1], (place, 0, 0)), regions)
    (tmp_path / "data").mkdir()
    ImageRegions.partition(tmp_path / "data", folders=[str(tmp_path / "my")])
    found = ImageRegions.instances(tmp_path / "data")
    assert len({name.casefold() for name in found}) == len(names) and {*plain} <= {*found}
    reds = sorted(int(load(tmp_path / "data" / name).pixels[0, 0, 0]) for name in found)
    assert reds == [*range(len(names))] and not (tmp_path / "data" / LEFT_OUT).exists()
    assert all(len(f"{name}.html".encode()) < 200 for name in found)


@pytest.mark.parametrize(("count", "taken"), [(4, [0, 1, 2, 3]), (7, [0, 1, 2, 4, 5]), (12, [0, 2, 4, 6, 8, 10])])
def test_a_share_of_images_is_spread_over_them_and_never_fewer_than_five(tmp_path, count, taken):
    regions = np.kron(HALVES, np.ones((4, 4), np.uint8))
    for number in range(count):
        write(tmp_path / "my", f"{number:02}", Image.new("RGB", regions.shape[::-1]), regions)
    (tmp_path / "data").mkdir()
    ImageRegions.partition(tmp_path / "data", folders=[str(tmp_path / "my")], share=0.5)
    assert ImageRegions.instances(tmp_path / "data") == [f"my-{number:02}" for number in taken]


def test_an_image_and_its_map_may_write_a_letter_in_two_ways(tmp_path):
    write(tmp_path, "e\u0301", regions=HALVES)
    (tmp_path / "regions/e\u0301.png").rename(tmp_path / "regions/\u00e9.png")
    (image,), told = read(tmp_path)
    assert told == [] and image.regions.tolist() == (HALVES - 1).tolist()


def test_an_image_without_a_map_is_divided_by_colour_and_place(tmp_path):
    write(tmp_path, "x", photograph((30, 40)))
    write(tmp_path, "y", regions=HALVES)
    (image, _), left_out = read(tmp_path, smallest_region=0.01)
    assert left_out == [] and 2 <= image.regions.max() + 1 <= 3
    (tmp_path / "regions/y.png").unlink()
    (tmp_path / "regions").rmdir()
    (again, _), _ = read(tmp_path, smallest_region=0.01)
    assert torch.equal(again.regions, image.regions)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize(
    ("picture", "regions", "spoil", "expected"),
    [
        (None, HALVES, lambda f: truncated(f / "images/bad.png"), r"images/bad\.png: not readable as an image \("),
        (None, HALVES, lambda f: truncated(f / "regions/bad.png"), r"regions/bad\.png: not readable as an image \("),
        (None, HALVES, lambda f: (f / "images/bad.png").write_bytes(b""), r"bad\.png: not readable as an image \("),
        (Image.new("F", (5, 4)), HALVES, None, r"images/bad\.png: found mode F; allowed: grey, palette or RGB of 8"),
        (None, HALVES[:, :4], None, r"regions/bad\.png: found 4×4, its image has 5×4; allowed: the image's size$"),
        (None, photograph(), None, r"regions/bad\.png: found mode RGB; allowed: one channel of whole numbers$"),
        (None, HALVES * np.float32(1), None, r"bad\.png: found mode F; allowed: one channel of whole numbers$"),
        (None, -HALVES.astype(np.int32), None, r"bad\.png: found label -2; allowed: 0 \(unlabelled\) and above$"),
        (None, HALVES * 0, None, r"regions/bad\.png: found no labelled pixel; allowed: a map with labels"),
        (None, HALVES // 2, None, r"regions/bad\.png: regions after cleaning: found 1; allowed: 2 to 255$"),
        (None, HALVES > 1, None, r"regions/bad\.png: regions after cleaning: found 1; allowed: 2 to 255$"),
        (None, np.pad([[3]], ((0, 3), (0, 4)), constant_values=1).astype(np.uint8), None, r"found 1; allowed: 2 to"),
        (Image.new("RGB", (1, 1)), None, None, r"images/bad\.png: regions after cleaning: found 1; allowed: 2 to 255$"),
        (
            None,
            HALVES,
            lambda f: (f / "regions/bad.png").rename(f / "regions/bad.tif"),
            r"regions/bad\.tif: found a map of another format; allowed: PNG$",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_used_gets_one_line_and_the_others_go_on(tmp_path, picture, regions, spoil, expected):
    write(tmp_path, "bad", picture, regions)
    write(tmp_path, "good", regions=HALVES)
    if spoil:
        spoil(tmp_path)
    images, left_out = read(tmp_path, smallest_region=0.1)
    assert [image.name for image in images] == [f"{tmp_path.name}-good"]
    assert len(left_out) == 1 and re.search(f"^{re.escape(str(tmp_path))}/.*{expected}", left_out[0])
    (tmp_path / "images/good.png").unlink()
    with pytest.raises(DataError, match=expected.removesuffix("$") + r".*; images that cannot be used: 1 of 1$"):
        read(tmp_path, smallest_region=0.1)


def test_255_regions_are_the_most(tmp_path):
    for stem, count in (("x", 255), ("y", 256)):
        stripes = np.arange(1, count + 1, dtype=np.uint16).repeat(2)[None]
        write(tmp_path, stem, photograph(stripes.shape), stripes)
    (image,), left_out = read(tmp_path, longest_side=1024)
    assert image.regions.unique().tolist() == list(range(255))
    assert left_out == [f"{tmp_path}/regions/y.png: regions after cleaning: found 256; allowed: 2 to 255"]


def test_the_second_image_of_a_name_is_left_out(tmp_path):
    write(tmp_path / "a", "x", regions=HALVES)
    write(tmp_path / "b/a", "x", regions=HALVES)
    photograph().save(tmp_path / "a/images/x.bmp")
    (image,), left_out = read(tmp_path / "a", tmp_path / "b/a")
    first = tmp_path / "a/images/x.bmp"
    assert image.name == "a-x" and left_out == [
        f"{path}: found the name a-x, taken by {first}; allowed: its own"
        for path in (tmp_path / "a/images/x.png", tmp_path / "b/a/images/x.png")
    ]
    truncated(first)
    (image,), left_out = read(tmp_path / "a")
    assert torch.equal(image.pixels, torch.from_numpy(np.array(photograph())))
    assert len(left_out) == 1 and left_out[0].startswith(f"{first}: not readable")


@pytest.mark.parametrize(("count", "least"), [(2, 60), (13, 45), (50, 20), (255, 8)])
def test_regions_have_colours_apart(count, least):
    found = colours_apart(count)
    places = lab_of(found[None])[0]
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    assert found.shape == (count, 3) and apart[np.triu_indices(count, 1)].min() > least


def test_of_several_frames_the_first_is_taken_with_a_line(tmp_path):
    write(tmp_path, "x", regions=HALVES)
    later = Image.new("RGB", photograph().size, "red")
    for name in ("y.gif", "z.webp"):
        photograph().save(tmp_path / "images" / name, save_all=True, append_images=[later], lossless=True)
    images, left_out = read(tmp_path)
    assert left_out == [f"{tmp_path}/images/y.gif and 1 more: found several frames; the first is taken"]
    (z,) = (image for image in images if image.name.endswith("-z"))
    assert torch.equal(z.pixels, torch.from_numpy(np.array(photograph())))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["gif", "tiff"])
def test_a_damaged_later_frame_stops_no_folder(tmp_path, kind):
    write(tmp_path, "x", regions=HALVES)
    path = tmp_path / f"images/y.{kind}"
    first, *later = (photograph((24, 24)).rotate(angle) for angle in (0, 90, 180))
    first.save(path, save_all=True, append_images=later)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with catch_warnings(action="ignore"), Image.open(path) as cut, pytest.raises((IndexError, TypeError, SyntaxError)):
        assert cut.n_frames
    images, _ = read(tmp_path)
    assert len(images) == 2


def test_hidden_files_and_folders_are_no_images(tmp_path):
    write(tmp_path, "x", regions=HALVES)
    for name in ("Thumbs.db", "desktop.ini", "._x.png"):
        for kind in ("images", "regions"):
            (tmp_path / kind / name).write_bytes(b"not a user's")
    assert len(folder_files([str(tmp_path)])) == 2
    (tmp_path / "images/.DS_Store").write_bytes(b"x")
    (tmp_path / "images/more").mkdir()
    images, left_out = read(tmp_path)
    assert len(images) == 1 and left_out == []


def test_a_folder_without_images_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"nowhere/images: not found; partition\.folders are folders with images/$"):
        read(tmp_path / "nowhere")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/.hidden").touch()
    for reading in (read, lambda folder: folder_files([str(folder)])):
        with pytest.raises(DataError, match=r"/images: found no file; allowed: images that Pillow reads$"):
            reading(tmp_path)


def test_the_sample_photographs_are_divided_the_same_every_time():
    images = sample_photographs(48, 0.005, 6, 0)
    assert [image.name for image in images] == ["china", "flower"]
    for image, again in zip(images, sample_photographs(48, 0.005, 6, 0), strict=True):
        assert image.pixels.shape == (32, 48, 3) and 2 <= image.regions.max() + 1 <= 6
        assert torch.equal(image.regions, again.regions)
        assert min(mask.sum() for _, mask in pieces_of(image.regions.numpy())) >= round(0.005 * 32 * 48)


PIXELS = torch.zeros(4, 5, 3, dtype=torch.uint8)
REGIONS = torch.from_numpy(HALVES - 1)


def test_what_is_saved_is_loaded(tmp_path):
    save(tmp_path / "a/b", RegionImage("my name", PIXELS + 3, REGIONS))
    image = load(tmp_path / "a/b")
    assert image.name == "my name" and torch.equal(image.pixels, PIXELS + 3) and torch.equal(image.regions, REGIONS)


@pytest.mark.parametrize(
    ("pixels", "regions", "expected"),
    [
        (PIXELS.float(), REGIONS, r"pixels are uint8 \[H, W, 3\]; found torch\.float32 \[4, 5, 3\]"),
        (PIXELS[..., :2], REGIONS, r"pixels are uint8 \[H, W, 3\]; found torch\.uint8 \[4, 5, 2\]"),
        (PIXELS[:0], REGIONS[:0], r"found torch\.uint8 \[0, 5, 3\]"),
        (PIXELS, REGIONS.long(), r"regions are uint8 \[4, 5\]; found torch\.int64 \[4, 5\]"),
        (PIXELS, REGIONS.T, r"regions are uint8 \[4, 5\]; found torch\.uint8 \[5, 4\]"),
        (PIXELS, REGIONS * 0, r"found 1 regions, 0 to 0; allowed: 2 to 255, numbered from 0 without a gap"),
        (PIXELS, REGIONS * 2, r"found 2 regions, 0 to 2; allowed"),
        (PIXELS, REGIONS + 1, r"found 2 regions, 1 to 2; allowed"),
    ],
)
def test_an_unsound_image_is_neither_saved_nor_loaded(tmp_path, pixels, regions, expected):
    with pytest.raises(DataError, match=f"^x: .*{expected}"):
        save(tmp_path / "new", RegionImage("x", pixels, regions))
    assert not (tmp_path / "new").exists()
    save_file({"pixels": pixels.contiguous(), "regions": regions.contiguous()}, tmp_path / FILE, {"name": "x"})
    with pytest.raises(DataError, match=rf"image\.safetensors: .*{expected}"):
        load(tmp_path)


def test_a_missing_or_damaged_file_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"image\.safetensors: not found; run the partition stage first"):
        load(tmp_path)
    save(tmp_path, RegionImage("x", PIXELS, REGIONS))
    path = tmp_path / FILE
    sound = path.read_bytes()
    for length in (0, 20, len(sound) - 1):
        path.write_bytes(sound[:length])
        with pytest.raises(DataError, match=r"image\.safetensors: not an image of this project"):
            load(tmp_path)
    for tensors, metadata in (({"pixels": PIXELS}, {"name": "x"}), ({"pixels": PIXELS, "regions": REGIONS}, None)):
        save_file(tensors, path, metadata)
        with pytest.raises(DataError, match=r"image\.safetensors: not an image of this project"):
            load(tmp_path)


@pytest.mark.skipif("RTL_DATA" not in os.environ, reason="RTL_DATA names no folder of real data")
@pytest.mark.parametrize("longest_side", [96, 128])
def test_real_maps_are_read(tmp_path, longest_side):
    folders = [f"$RTL_DATA/regions/{source}" for source in ("ade20k", "cocostuff")]
    images, left_out = read_folders(folders, longest_side, 0.005, 6, 0)
    maps = [path for path in folder_files(folders) if path.parent.name == "regions"]
    assert left_out == [] and len(images) == len(maps) == 14
    for image, path in zip(images, maps, strict=True):
        assert image.name.endswith(path.stem) and max(image.regions.shape) == longest_side
        with Image.open(path) as labels:
            assert 2 <= image.regions.max() + 1 <= len(set(np.unique(labels)) - {0})
        smallest = round(0.005 * image.regions.numel())
        assert min(mask.sum() for _, mask in pieces_of(image.regions.numpy())) >= smallest
        save(tmp_path / image.name, image)
        assert torch.equal(load(tmp_path / image.name).regions, image.regions)


def test_a_map_that_no_image_is_named_like_is_told(tmp_path):
    folder = tmp_path / "set"
    for kind in ("images", "regions"):
        (folder / kind).mkdir(parents=True)
    Image.fromarray(np.arange(20 * 30 * 3, dtype=np.uint8).reshape(20, 30, 3)).save(folder / "images/a.png")
    Image.fromarray(np.ones((20, 30), dtype=np.uint8)).save(folder / "regions/a_seg.png")
    (folder / "images/gone.png").symlink_to("nowhere.png")
    (image,), left_out = read_folders([str(folder)], 30, 0.01, 2, 0)
    assert image.name == "set-a"
    assert [line.partition(":")[0] for line in left_out] == [f"{folder}/images/gone.png", f"{folder}/regions/a_seg.png"]
    assert left_out[1].endswith("found a map without an image; allowed: maps named like their images")


def test_lines_name_the_folder_as_the_setting_does(tmp_path, monkeypatch):
    monkeypatch.setenv("PHOTOGRAPHS", str(tmp_path))
    (tmp_path / ".set/images").mkdir(parents=True)
    Image.fromarray(np.arange(20 * 30 * 3, dtype=np.uint8).reshape(20, 30, 3)).save(tmp_path / ".set/images/a.png")
    (tmp_path / ".set/images/b.png").write_text("no image")
    (image,), (line,) = read_folders(["$PHOTOGRAPHS/.set"], 30, 0.01, 2, 0)
    assert image.name == "_set-a" and line.startswith("$PHOTOGRAPHS/.set/images/b.png: not readable")
