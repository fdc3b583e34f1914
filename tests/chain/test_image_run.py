"""Photographs as users bring them: good ones and bad ones in a folder, one run, and a picture from its tickets."""

import json
import re
from urllib.parse import unquote

import numpy as np
import pytest
import yaml
from mlflow.tracking import MlflowClient
from PIL import Image
from sklearn.datasets import load_sample_image
from small_project import Project
from typer.testing import CliRunner

from flows.command_line.app import app
from rtl_core.errors import RtlError
from tasks.tables.published import read_tables

SETTINGS = {
    "sparsities": [0.5],
    "training": {"activation": "relu", "precision": "float32", "device": "cpu"},
    "extract": {"duration": "3it", "weights_per_round": 0.5, "rewind_every": 1},
    "retrain": {"duration": "6it", "update": ["synchronous"]},
}
BAD = {"cut": "not readable", "small-map": "its image has", "one-region": "found 1", "float": "found mode F"}


def photographs(folder):
    """Two photographs that can be used, one of them with a map; four that cannot."""
    source = Image.fromarray(load_sample_image("china.jpg")).resize((40, 24))
    for kind in ("images", "regions"):
        (folder / kind).mkdir(parents=True)
    halves = np.ones((24, 40), dtype=np.uint8)
    halves[:, 16:] = 7
    halves[0, 0] = 0
    maps = {
        "halves": Image.fromarray(halves),
        "small-map": Image.fromarray(halves[:-1]),
        "one-region": Image.fromarray(np.ones_like(halves)),
    }
    for name in ("halves", "снег", *BAD):
        source.save(folder / f"images/{name}.png")
    for name, regions in maps.items():
        regions.save(folder / f"regions/{name}.png")
    Image.fromarray(halves.astype(np.float32)).save(folder / "regions/float.tiff")
    (folder / "regions/float.tiff").rename(folder / "regions/float.png")  # PNG itself cannot hold mode F
    content = (folder / "images/cut.png").read_bytes()
    (folder / "images/cut.png").write_bytes(content[: len(content) // 2])


def pixels_of(path):
    with Image.open(path) as image:
        return np.array(image)


@pytest.fixture(scope="module")
def project(repository, tmp_path_factory):
    project = Project.new(repository, tmp_path_factory.mktemp("photographs"))
    photographs(project.folder / "mine")
    params = yaml.safe_load((project.folder / "params.yaml").read_text())
    params["image_regions"] |= SETTINGS
    params["image_regions"]["partition"] = {"folders": ["mine"], "smallest_region": 0.02, "num_regions": 3}
    (project.folder / "params.yaml").write_text(yaml.safe_dump(params))
    done = project.run("rtl", "run", "pipeline", "image_regions")
    assert done.returncode == 0, done.stdout + done.stderr
    project.told = done.stderr
    return project


def test_what_cannot_be_used_is_told_in_a_line_each_and_harms_no_other(project):
    warnings = [line for line in project.told.splitlines() if line.startswith("warning: mine/")]
    assert len(warnings) == len(BAD)
    for name, reason in BAD.items():
        (line,) = (line for line in warnings if f"/{name}." in line)
        assert reason in line
    facts = json.loads(project.succeed("rtl", "info", "image_regions", "--json"))
    assert facts["prunable_weights"] == 53_888 and facts["num_subsets"] == 2
    assert facts["instance"] == "mine-halves"
    assert {name: one["num_subsets"] for name, one in facts["instances"].items()} == {
        "mine-halves": 2,
        "mine-снег": 3,
    }


def test_every_method_is_scored_on_every_image(project):
    tables = read_tables(project.folder / "artifacts/image_regions/tables")
    results = tables["results"]
    methods = {"rtl", "imp_single", "imp_multiple", "imp_single_union"}
    for metric in ("psnr", "ssim"):
        rows = results[results.metric == metric]
        assert len(rows) == len(methods) * 2 and set(rows.method) == methods and set(rows.subset) == {"mean"}
    assert set(results.instance) == {"mine-halves", "mine-снег"}
    kept = tables["parameters"].set_index(["instance", "method", "sparsity"])["union"]
    for instance in set(results.instance):
        assert kept[instance, "imp_single", 0.5] == 26_944
        assert kept[instance, "imp_single_union", 0.5] == kept[instance, "rtl", 0.5]
    pictures = tables["exhibits"]
    assert set(pictures.exhibit) == {"target", "regions", "reconstruction", "error × 4"}
    assert len(pictures) == 2 * (2 + 2 * len(methods))


def test_pages_figures_and_metrics_of_an_image_have_its_name_in_any_script(project):
    folder = project.folder / "artifacts/image_regions"
    links = [unquote(link) for link in re.findall(r'<a href="([!-~]+)">mine-', (folder / "report.html").read_text())]
    assert links == [f"report/mine-{name}.html" for name in ("halves", "снег")]
    assert all((folder / link).is_file() for link in links) and (folder / "figures/mine-снег/exhibits.png").is_file()
    client = MlflowClient(f"sqlite:///{project.folder}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("image_regions").experiment_id])
    assert any("reconstruction/psnr/mine-снег" in run.data.metrics for run in runs)
    assert any("similarity/excess/mine-снег/seed_0" in run.data.metrics for run in runs)


@pytest.mark.parametrize("method", ["tickets/mine-halves/rtl", "baselines/mine-halves/imp_single"])
def test_a_ticket_file_is_painted_at_any_size(project, method, monkeypatch):
    monkeypatch.chdir(project.folder)
    (path,) = (project.folder / "artifacts/image_regions" / method).rglob("*sparsity-50*")
    path = path if path.is_file() else path / "network-000.safetensors"
    done = CliRunner().invoke(app, ["reconstruct", str(path), "--out", "as-trained.png"])
    assert done.exit_code == 0 and done.output.strip() == "as-trained.png: 40×24 pixels"
    assert CliRunner().invoke(app, ["predict", str(path), "--out", "predicted.png"]).exit_code == 0
    assert np.array_equal(*(pixels_of(project.folder / name) for name in ("as-trained.png", "predicted.png")))
    done = CliRunner().invoke(app, ["reconstruct", str(path), "--out", "large.jpg", "--size", "320x200"])
    assert done.output.strip() == "large.jpg: 320×200 pixels, resampled from the 40×24 as trained"
    assert pixels_of(project.folder / "large.jpg").shape == (200, 320, 3)
    shown = read_tables(project.folder / "artifacts/image_regions/tables")["exhibits"]
    (png,) = shown[
        (shown.instance == "mine-halves") & (shown.method == method.split("/")[-1]) & (shown.sparsity == 0.5)
        & (shown.exhibit == "reconstruction")
    ].png  # fmt: skip
    (project.folder / "shown.png").write_bytes(png)
    assert np.array_equal(*(pixels_of(project.folder / name) for name in ("as-trained.png", "shown.png")))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["reconstruct", "nowhere.safetensors", "--out", "x.png"], "nowhere.safetensors: no such file"),
        (
            ["reconstruct", "{ticket}", "--out", "x.txt"],
            "x.txt: found the suffix '.txt'; allowed: that of an image, such as .png",
        ),
        (["reconstruct", "{ticket}", "--out", "x.png", "--size", "0x9"], "--size: found '0x9'; allowed: WxH in pixels"),
        (["reconstruct", "{masks}", "--out", "x.png"], "found format 'rtl-masks/1', expected 'rtl-tickets/2'"),
        (["reconstruct", "{multiple}", "--out", "x.png"], "holds 1 of the image's 2 regions; allowed: all"),
        (["reconstruct", "{ticket}", "--out", "params.yaml/x.png"], "params.yaml/x.png: cannot be written ("),
        (
            ["predict", "{ticket}", "--out", "x.png", "--context", "region 1"],
            "--context: found 'region 1'; allowed: none",
        ),
        (["predict", "{ticket}", "--out", "x.png", "--rule", "paper"], "--rule: found 'paper'; allowed: none"),
    ],
)
def test_what_cannot_be_painted_is_told_in_one_line(project, arguments, told, monkeypatch):
    monkeypatch.chdir(project.folder)
    folder = project.folder / "artifacts/image_regions"
    places = {
        "ticket": folder / "tickets/mine-halves/rtl/seed-0/sparsity-50.safetensors",
        "masks": folder / "masks/mine-halves/rtl/seed-0/sparsity-50.safetensors",
        "multiple": folder / "baselines/mine-halves/imp_multiple/seed-0/sparsity-50/network-000.safetensors",
    }
    done = CliRunner().invoke(app, [argument.format(**places) for argument in arguments])
    assert isinstance(done.exception, RtlError) and told in str(done.exception) and "\n" not in str(done.exception)
    assert not list(project.folder.glob("x.*"))
