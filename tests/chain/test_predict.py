"""A ticket file on its own, as somebody else is given it: no project, no data, one command."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
import torch
from drawn_tickets import drawn_tickets
from PIL import Image
from small_contexts import NAMES, regression, tensors
from small_project import Project
from typer.testing import CliRunner

from flows.command_line.app import app
from rtl_core import load
from rtl_core.construction import networks_of
from rtl_core.describing import described
from rtl_core.errors import RtlError
from rtl_core.probability import probability_of
from rtl_core.problems.digits import Digits
from rtl_core.problems.images.stored_images import load_images
from rtl_core.randomness import Stream
from rtl_core.ticket_file import tickets_to_bytes
from tasks.tables.published import read_csv

PLACE = "seed-0/sparsity-40"


@pytest.fixture(scope="module")
def elsewhere(one_level, tmp_path_factory):
    """A folder with two ticket files of a run on digits, and ten of its test images, enlarged to 8 bits."""
    folder, artifacts = tmp_path_factory.mktemp("elsewhere"), one_level.folder / "artifacts/digits"
    for name, path in {
        "rtl": artifacts / f"tickets/rtl/{PLACE}.safetensors",
        "single": artifacts / f"baselines/imp_single/{PLACE}/network-000.safetensors",
        "one": artifacts / f"baselines/imp_multiple/{PLACE}/network-003.safetensors",
    }.items():
        (folder / f"{name}.safetensors").write_bytes(path.read_bytes())
    images = load_images(one_level.folder / "data/digits").splits["test"].images
    np.save(folder / "images.npy", images.numpy())
    for number in range(3):
        pixels = (images[number, 0].double() * 255 / 16).round().byte().numpy()
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def here(elsewhere, monkeypatch):
    monkeypatch.chdir(elsewhere)
    return elsewhere


def run(*arguments):
    return CliRunner().invoke(app, ["predict", *arguments])


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_predictions_are_those_of_the_comparison(one_level, here):
    problem = Digits(one_level.folder / "data/digits", batch_size=64, device="cpu")
    stream = Stream(0).at(problem="digits")
    tickets = load("rtl.safetensors", device="cpu")
    networks = networks_of(problem, [tickets], stream)
    logits = torch.stack([problem._logits(network, "test")[:, k] for k, network in enumerate(networks)], dim=1)
    done = run("rtl.safetensors", "images.npy", "--context", "digit 3", "--rule", "paper", "--out", "out.csv")
    assert done.exit_code == 0 and done.output == f"out.csv: {len(logits)} predictions\n", done.exception
    rows = rows_of(here / "out.csv")
    assert [float(row["probability"]) for row in rows] == probability_of(logits)[:, 3].tolist()
    assert [row["claimed"] == "True" for row in rows] == (probability_of(logits)[:, 3] > 0.5).tolist()
    assert {(row["context"], row["rule"], row["threshold"]) for row in rows} == {("digit 3", "paper", "0.5")}


def test_a_context_that_is_told_is_the_one_that_the_tables_count(one_level, here, tmp_path):
    tables = one_level.folder / "artifacts/digits/tables"
    test = load_images(one_level.folder / "data/digits").splits["test"]
    routing = read_csv(tables / "routing.csv").query("method == 'rtl' and router == 'confidence' and batch == 1")
    results = read_csv(tables / "results.csv").query("method == 'rtl' and protocol == 'routed'")
    assert run("rtl.safetensors", "images.npy", "--context", "auto", "--out", "told.csv").exit_code == 0
    rows = rows_of(here / "told.csv")
    assert all(0.1 <= float(row["posterior"]) <= 1 for row in rows)
    right = pd.Series([row["context"] == f"digit {label}" for row, label in zip(rows, test.labels, strict=True)])
    shares = right.groupby(test.labels.numpy()).mean()
    assert shares.tolist() == routing.found[routing.subset != "mean"].tolist()
    assert shares.tolist() == results.value[results.subset != "mean"].tolist()
    np.save(tmp_path / "sevens.npy", test.images[test.labels == 7][:8].numpy())
    arguments = ["rtl.safetensors", str(tmp_path / "sevens.npy"), "--context", "auto", "--together"]
    assert run(*arguments, "--out", "sevens.csv").exit_code == 0
    assert len({(row["context"], row["posterior"]) for row in rows_of(here / "sevens.csv")}) == 1
    shown = run("rtl.safetensors", "0.png", "--context", "auto").output
    assert all(name in shown for name in ("context", "posterior", "claimed", "probability", "threshold"))
    assert "left out: 1 column (rule); --out FILE.csv or FILE.json writes all" in shown


def test_rows_of_an_array_take_a_line_each_and_the_rest_is_counted(here, tmp_path):
    (folder := tmp_path / ("long" * 12)).mkdir()
    np.save(folder / "images.npy", np.repeat(np.load(here / "images.npy")[:10], 150, 0))
    shown = run("one.safetensors", str(folder / "images.npy")).output.splitlines()
    rows = [line for line in shown if "images.npy" in line]
    assert len(rows) == 20 and all(f"images.npy {number} " in row for number, row in enumerate(rows, 1))
    assert shown[-1] == "left out: 1,480 rows, 1 column (rule); --out FILE.csv or FILE.json writes all"


def test_a_rule_that_cannot_be_is_refused_before_anything_is_computed(here, monkeypatch):
    monkeypatch.setattr("rtl_core.use.tickets_in_use.TicketsInUse._outputs", lambda *_: pytest.fail("computed"))
    done = run("single.safetensors", "0.png", "--rule", "paper")
    assert isinstance(done.exception, RtlError) and "rule: found 'paper'; allowed: none" in str(done.exception)


def test_an_image_in_a_file_is_the_array_that_it_was(here):
    names = [f"{number}.png" for number in range(3)]
    assert run("one.safetensors", *names, "--out", "of_files.json").exit_code == 0
    assert run("one.safetensors", "images.npy", "--out", "of_array.json").exit_code == 0
    of_files, of_array = (json.loads((here / f"of_{kind}.json").read_text()) for kind in ("files", "array"))
    assert [row.pop("input") for row in of_files] == names
    assert of_files[0]["context"] == "digit 3"
    for one, other in zip(of_files, of_array, strict=False):
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-6)


def test_classes_are_a_table_in_the_terminal_as_a_program_of_its_own(here, repository):
    project = Project(here)
    project.environment["PYTHONPATH"] = str(repository)
    table = project.succeed("rtl", "predict", "single.safetensors", "0.png", "1.png")
    assert "0.png" in table and "class" in table and "probability" in table
    first = "10 columns (probability of digit 0, probability of digit 1, probability of digit 2, …)"
    assert f"left out: {first}; --out FILE.csv or FILE.json writes all" in table
    assert sorted(path.name for path in here.iterdir() if path.suffix not in (".json", ".csv")) == [
        "0.png", "1.png", "2.png", "images.npy", "one.safetensors", "rtl.safetensors", "single.safetensors",
    ]  # fmt: skip


def test_numbers_of_a_network_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    problem = regression()
    (tmp_path / "t.safetensors").write_bytes(
        tickets_to_bytes(described(drawn_tickets(problem), problem, "rtl", 0.5, 0, []))
    )
    inputs, _ = tensors(10)
    np.savetxt(tmp_path / "x.csv", inputs.numpy(), delimiter=",", header="a,b,c", comments="")
    arguments = ["t.safetensors", "x.csv", "--context", NAMES[1], "--out", "out.csv"]
    refused = run(*arguments)
    assert "its network is 'small_contexts:mlp', code that is not ours" in str(refused.exception)
    assert not (tmp_path / "out.csv").exists()
    done = run(*arguments, "--allow", "small_contexts:mlp")
    assert done.exit_code == 0, done.exception
    found = [float(row["output 0"]) for row in rows_of(tmp_path / "out.csv")]
    expected = load(tmp_path / "t.safetensors", ["small_contexts:mlp"], "cpu").predict(inputs, NAMES[1]).values
    assert found == pytest.approx(expected.flatten().tolist(), rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nothing.safetensors", "0.png"], "nothing.safetensors: no such file"),
        (
            ["images.npy", "0.png"],
            "images.npy: not a complete ticket file, but cut, damaged or of another kind",
        ),
        (["rtl.safetensors", "0.png"], "context: found none; allowed with rtl.safetensors: digit 0, digit 1"),
        (["rtl.safetensors", "0.png", "--context", "cat"], "context: found 'cat'; allowed with rtl.safetensors: digit"),
        (
            ["single.safetensors", "0.png", "--context", "auto"],
            "found 'auto', but single.safetensors has no numbers to",
        ),
        (
            ["rtl.safetensors", "0.png", "--context", "digit 1", "--together"],
            "--together: found with a context that is",
        ),
        (["rtl.safetensors", "--context", "digit 1"], "INPUT: found none; allowed: one file and more"),
        (["one.safetensors", "0.png", "9.png"], "9.png: not readable as an image"),
        (["one.safetensors", "0.png", "--out", "out.txt"], "out.txt: found the suffix '.txt'; allowed: .csv, .json"),
        (["one.safetensors", "0.png", "--out", "0.png/x.csv"], "0.png"),
        (["single.safetensors", "0.png", "--rule", "paper"], "rule: found 'paper'; allowed: none"),
        (
            ["one.safetensors", "0.png", "--size", "8x8"],
            "--size: found '8x8'; allowed: none, where no",
        ),
        (["one.safetensors", "one.safetensors"], "one.safetensors: not readable as an image"),
    ],
)
def test_what_cannot_be_predicted_is_one_line_and_writes_nothing(here, arguments, line):
    before = {path: path.read_bytes() for path in here.iterdir()}
    done = run(*arguments)
    assert isinstance(done.exception, RtlError) and line in str(done.exception)
    assert len(str(done.exception).splitlines()) == 1
    assert {path: path.read_bytes() for path in here.iterdir()} == before
