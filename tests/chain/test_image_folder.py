"""Labelled images of one's own: folders of image files, sound and broken, and the whole chain by params.yaml alone."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from small_project import SMALL, Project
from torchvision.datasets import ImageFolder as ImageFolderOfTorchvision

from rtl_core.errors import DataError
from rtl_core.left_out import LEFT_OUT
from rtl_core.networks import CLASSIFIERS
from rtl_core.problems.image_folder import ImageFolder, ImageFolderWithin, _samples, read_image_folder
from rtl_core.problems.images.stored_images import load_images
from rtl_core.valid_problem import check_problem

CLASSES = ["apple", "bear", "clock", "rose"]


def pictures_of(count: int) -> dict[str, np.ndarray]:
    """Some real images of each class: CIFAR-100's where RTL_DATA has them, scikit-learn's digits otherwise."""
    if "RTL_DATA" in os.environ:
        with np.load(Path(os.environ["RTL_DATA"]) / "cifar100/train.npz") as arrays:
            images, labels, names = arrays["images"], arrays["labels"], arrays["classes"].tolist()
        return {name: images[labels == names.index(name)][:count] for name in CLASSES}
    from sklearn.datasets import load_digits

    source = load_digits()
    images = (source.images * 15).astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    return {name: images[source.target == k][:count] for k, name in enumerate(CLASSES)}


@pytest.fixture
def pictures(tmp_path):
    """A folder of twelve PNG files for each of four classes."""
    root = tmp_path / "pictures"
    for name, images in pictures_of(12).items():
        (root / name).mkdir(parents=True)
        for number, pixels in enumerate(images):
            Image.fromarray(pixels).save(root / name / f"{number:02}.png")
    return root


def error_of(call, *arguments, **settings):
    with pytest.raises(DataError) as raised:
        call(*arguments, **settings)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_every_pixel_is_read_as_it_was_written(pictures):
    data, classes, left_out = read_image_folder(str(pictures), 0)
    assert classes == CLASSES and left_out == []
    assert data.labels.bincount().tolist() == [12] * 4
    for k, (name, images) in enumerate(pictures_of(12).items()):
        found = data.images[data.labels == k].permute(0, 2, 3, 1).numpy()
        assert np.array_equal(found, images if images.ndim == 4 else images[..., None]), name


def test_grey_images_have_one_channel_and_a_colour_gives_all_three(tmp_path):
    draws = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(3):
            pixels = draws.integers(0, 256, (9, 7), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    assert read_image_folder(str(tmp_path), 0)[0].images.shape == (6, 1, 9, 7)
    Image.new("RGB", (7, 9), "red").save(tmp_path / "b" / "colour.png")
    assert read_image_folder(str(tmp_path), 0)[0].images.shape == (7, 3, 9, 7)


def test_images_of_other_sizes_become_the_commonest_or_the_size_asked_for(pictures):
    Image.new("RGB", (64, 40), "red").save(pictures / "rose/wide.png")
    data, _, _ = read_image_folder(str(pictures), 0)
    assert data.images.shape == (49, 3, 32, 32)
    red = torch.tensor([255, 0, 0])[:, None, None]
    assert (data.images[-1] == red).all()
    data, _, _ = read_image_folder(str(pictures), 20)
    assert data.images.shape == (49, 3, 20, 20)


def test_a_share_is_of_each_class_and_what_is_not_of_it_is_not_read(pictures, tmp_path):
    (pictures / "rose/01.png").write_text("no image")
    for share, each in ((0.5, 6), (0.1, 3)):
        folder = tmp_path / f"of {share}"
        ImageFolder.partition(folder, path=str(pictures), share=share)
        stored = load_images(folder)
        counts = torch.cat([split.labels for split in stored.splits.values()]).bincount()
        assert counts.tolist() == [each] * 4 and not (folder / LEFT_OUT).exists()
    ImageFolder.partition(tmp_path / "whole", path=str(pictures), share=1.0)
    assert len(json.loads((tmp_path / "whole" / LEFT_OUT).read_text())) == 1
    (pictures / "rose/00.png").write_text("no image")
    ImageFolder.partition(tmp_path / "replaced", path=str(pictures), share=0.1)
    counts = torch.cat([split.labels for split in load_images(tmp_path / "replaced").splits.values()]).bincount()
    assert counts.tolist() == [3] * 4  # another in the place of one that cannot be read


def test_images_that_cannot_be_read_are_left_out_with_a_line_each(pictures, tmp_path):
    truncated = pictures / "apple/00.png"
    truncated.write_bytes(truncated.read_bytes()[: truncated.stat().st_size // 2])
    (pictures / "rose/05.png").write_text("no image")
    (pictures / "rose/notes.txt").write_text("not an image file's name")
    shutil.copy(pictures / "rose/00.png", pictures / "stray.png")
    for number in range(3):
        shutil.copy(pictures / "rose/00.png", pictures / f"rose/moving{number}.gif")
        for suffix in (".jfif", ".avif", ".heic"):
            shutil.copy(pictures / "rose/00.png", pictures / f"bear/{number}{suffix}")
        shutil.copy(pictures / "rose/00.png", pictures / f"bear/._0{number}.png")
    ImageFolder.partition(tmp_path / "out", path=str(pictures))
    lines = json.loads((tmp_path / "out" / LEFT_OUT).read_text())
    counted = [f"bear/0{suffix} and 2 more" for suffix in (".avif", ".heic", ".jfif")]
    assert [line.partition(": ")[0] for line in lines] == [
        f"{pictures}/{name}"
        for name in (
            "stray.png",
            *counted[:1],
            "rose/moving0.gif and 2 more",
            *counted[1:],
            "apple/00.png",
            "rose/05.png",
        )
    ]
    assert "found in no class's folder; allowed" in lines[0] and "found the suffix '.gif'; allowed: .jpg, " in lines[2]
    assert all("not readable as an image" in line for line in lines[5:])
    stored = load_images(tmp_path / "out")
    assert sum(map(len, stored.splits.values())) == 46
    names = {str(path.relative_to(pictures)) for path in ImageFolder.source_files(path=str(pictures))}
    assert len(names) == 48 and {"apple/00.png", "rose/05.png"} <= names


def test_what_is_hidden_or_a_systems_own_is_no_class_and_no_image(pictures, tmp_path):
    before = read_image_folder(str(pictures), 0)
    listed = ImageFolder.source_files(path=str(pictures))
    for name in (".ipynb_checkpoints", "__MACOSX", "@eaDir", "apple/.ipynb_checkpoints", "bear/@eaDir"):
        shutil.copytree(pictures / "clock", pictures / name)
    shutil.copy(pictures / "rose/00.png", pictures / "apple/._00.png")
    (pictures / "rose/.link").symlink_to(pictures)
    (pictures / "Thumbs.db").write_text("small pictures")
    data, classes, left_out = read_image_folder(str(pictures), 0)
    assert classes == CLASSES and left_out == [] and ImageFolder.source_files(path=str(pictures)) == listed
    assert torch.equal(data.images, before[0].images) and torch.equal(data.labels, before[0].labels)


def test_images_lie_at_any_depth_in_torchvisions_order_and_classes_are_composed(pictures, tmp_path):
    for name in ("sub", "sub/x", "sub-y"):
        (pictures / "bear" / name).mkdir()
        shutil.copy(pictures / "rose/00.png", pictures / "bear" / name / "z.PNG")
    found = [(str(path), label) for path, label in _samples(str(pictures))[1]]
    assert found == ImageFolderOfTorchvision(pictures).samples and len(found) == 51
    (pictures / "apple").rename(pictures / "a\u0301pple")
    table = tmp_path / "mine.csv"
    table.write_text("class,cluster\nápple,plants\nbear,others\nclock,others\nrose,plants\n")
    ImageFolder.partition(tmp_path / "out", path=str(pictures), clusters=str(table))
    assert set(load_images(tmp_path / "out").classes) == {"ápple", "bear", "clock", "rose"}
    (pictures / "ápple").mkdir()
    assert "found the class 'ápple' twice" in error_of(read_image_folder, str(pictures), 0)


def test_a_folder_that_is_no_data_set_is_one_line(pictures, tmp_path):
    error = error_of(ImageFolder.partition, tmp_path / "out")
    assert error == "partition.path is empty; allowed: a folder with a sub-folder of images for each class"
    assert "nowhere: not found; partition.path must be" in error_of(read_image_folder, str(tmp_path / "nowhere"), 0)
    (tmp_path / "one/apple").mkdir(parents=True)
    assert "one: found 1 class(es), one a sub-folder; allowed: 2 " in error_of(
        read_image_folder, str(tmp_path / "one"), 0
    )
    for path in (pictures / "bear").iterdir():
        path.write_bytes(path.read_bytes()[:50])
    error = error_of(read_image_folder, str(pictures), 0)
    assert "class 'bear': found 0 readable image(s); allowed: 3 and more" in error and "bear/00.png: not read" in error
    (pictures / "empty").mkdir()
    for path in (pictures / "bear").iterdir():
        path.unlink()
    assert "class 'bear': found 0 readable image(s)" in error_of(read_image_folder, str(pictures), 0)


def test_what_a_known_cluster_needs_is_said_where_there_are_no_clusters(pictures, tmp_path):
    ImageFolderWithin.partition(tmp_path / "out", path=str(pictures))
    assert error_of(ImageFolderWithin, tmp_path / "out").startswith("cluster 'apple': found 1 class; allowed: 2 ")
    ImageFolderWithin.partition(tmp_path / "out", path=str(pictures), clusters="random", num_clusters=2)
    problem = ImageFolderWithin(tmp_path / "out", batch_size=4, device="cpu")
    check_problem(problem)
    assert problem.cluster_of.bincount().tolist() == [2, 2]


@pytest.mark.parametrize("size", [(1, 8, 8), (3, 28, 28), (3, 32, 48), (3, 65, 33)])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_networks_take_images_of_any_size(name, size):
    network = CLASSIFIERS[name](size[0], 5)
    outputs = network(torch.randn(4, *size))
    outputs.sum().backward()
    assert outputs.shape == (4, 5)


def test_the_pipeline_runs_on_them_by_params_yaml_alone(repository, tmp_path, pictures):
    project = Project.new(repository, tmp_path)
    (pictures / "apple/00.png").write_text("no image")
    (tmp_path / "mine.csv").write_text("class,cluster\napple,plants\nbear,others\nclock,others\nrose,plants\n")
    params = yaml.safe_load((tmp_path / "params.yaml").read_text())
    params["images"] |= SMALL | {
        "partition": {"path": str(pictures), "clusters": "mine.csv"},
        "training": {"network": "small_cnn", "batch_size": 16},
        "seeds": [0],
        "sparsities": [0.4],
        "retrain": {"duration": "3it", "update": ["synchronous"]},
        "collapse": {"sparsities": [], "metric": "matched.auroc"},
    }
    params["images"]["baselines"] = {"methods": ["imp_single", "imp_single_union"]}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    project.succeed("rtl", "run", "pipeline", "images")
    results = pd.read_csv(tmp_path / "artifacts/images/tables/results.csv")
    assert set(results.subset) == {"plants", "others", "mean"}
    of_classes = results[results.metric == "class_accuracy"]
    assert set(of_classes.method) == {"imp_single", "imp_single_union"} and of_classes.value.between(0, 1).all()
    facts = json.loads(project.succeed("rtl", "info", "images", "--json"))
    assert facts["subsets"] == ["plants", "others"]
    assert "class accuracy" in project.succeed("rtl", "results", "images", "--all")
    assert "apple/00.png" in (tmp_path / "artifacts/images/report.html").read_text()
