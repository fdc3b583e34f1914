"""`rtl bench`: what may be asked of it, and what it says of a ticket file."""

import json
import sys

import pytest
from typer.testing import CliRunner

from flows.command_line.app import app
from flows.command_line.inference_table import reading_of
from rtl_core.errors import RtlError


@pytest.fixture
def tickets(one_level, tmp_path, monkeypatch):
    """A file, to be measured in no time and without onnxruntime."""
    monkeypatch.setattr("rtl_core.inference_benchmark.LEAST_SECONDS", 0.0)
    monkeypatch.setattr("rtl_core.inference_benchmark.TURNS", 1)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "rtl.safetensors"
    path.write_bytes((one_level.folder / "artifacts/digits/tickets/rtl/seed-0/sparsity-40.safetensors").read_bytes())
    return path


def run(*arguments):
    return CliRunner().invoke(app, ["bench", *arguments])


def test_json_has_every_way_and_the_files_bytes(tickets):
    done = run("--inference", tickets.name, "--json")
    assert done.exit_code == 0, done.exception
    measured = json.loads(done.stdout)
    assert list(measured["ways"]) == ["tickets", "tickets, predict()", "one dense network", "K networks"]
    assert measured["ways"]["tickets"]["disk_bytes"] == tickets.stat().st_size
    assert "pip install" in measured["absent"]["onnxruntime"]


def test_the_table_fits_a_terminal_and_is_read_in_words(tickets):
    done = run("--inference", tickets.name)
    assert done.exit_code == 0, done.exception
    lines = done.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines if "Not measured" not in line)
    assert not [line for line in lines if "…" in line]
    for row in ("tickets ", "one dense network", "10 networks", "Not measured: onnxruntime (export needs onnxruntime"):
        assert [line for line in lines if line.strip().startswith(row)], row
    assert "Unstructured sparsity does not make dense kernels faster" in done.stdout


@pytest.mark.parametrize(
    ("quartiles", "said"),
    [([0.5, 0.9], "less time (0.50 to 0.90"), ([0.9, 1.1], "as long (0.90 to"), ([1.1, 1.5], "more time (1.10 to")],
)
def test_the_reading_is_of_what_was_measured(quartiles, said):
    batch = {"ms": 2.0, "ms_per_example": 1.0, "ratio": 1.0, "ratio_quartiles": quartiles}
    way = {"batches": {"1": batch, "64": batch}, "switch_ms": 0.5, "disk_bytes": 100, "memory_bytes": 300}
    ways = {"tickets": way, "one dense network": way | {"disk_bytes": 200}, "K networks": way | {"memory_bytes": 200}}
    weights = {"prunable": 100, "union": 50, "kept": 20.0}
    measured = {"contexts": 3, "weights": weights, "pruned_networks_bytes": 400, "ways": ways, "absent": {}}
    sparsity, gives, switching = reading_of(measured)
    assert said in sparsity and "80% of a ticket's prunable weights" in sparsity
    assert "0.50 times the bytes of one dense" in gives and "0.25 times the bytes of 3 files" in gives
    assert "1.50 times the bytes of 3 networks" in gives and "0.500 ms" not in gives
    assert "took 0.5 ms: 0.25 of a prediction" in switching


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "bench: found neither; allowed: a section of params.yaml, or --inference TICKETS"),
        (["digits", "--inference", "rtl.safetensors"], "bench: found both; allowed: a section of params.yaml, or --in"),
        (["digits", "--allow", "mine:Net"], "--allow: found it with a problem; allowed: with --inference TICKETS"),
        (["--inference", "nothing.safetensors"], "nothing.safetensors: no such file"),
        (["--inference", "broken.safetensors"], "broken.safetensors: "),
    ],
)
def test_what_cannot_be_measured_is_one_line(tickets, arguments, line):
    (tickets.parent / "broken.safetensors").write_bytes(tickets.read_bytes()[:500])
    done = run(*arguments)
    assert done.exit_code and isinstance(done.exception, RtlError) and line in str(done.exception)
    assert len(str(done.exception).splitlines()) == 1 and not done.stdout
