"""What a GPU gives is told one JSON line a result, and the exit status says whether all is well."""

import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

BENCH = Path(__file__).parent.parent.parent / "bench"


@pytest.fixture
def script(monkeypatch, tmp_path):
    spec = spec_from_file_location("gpu", BENCH / "gpu.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.signal, "signal", lambda *given: None)
    monkeypatch.setattr(sys, "argv", ["gpu.py", str(tmp_path / "new" / "folder")])
    return module


def good(scratch):
    yield {"result": "good", "ok": True}


def bad(scratch):
    yield {"result": "bad", "ok": False}
    yield {"result": "bad", "ok": True}


def broken(scratch):
    yield {"result": "broken", "ok": True}
    raise ValueError("no such thing")


@pytest.mark.parametrize("measures, status", [([good], 0), ([bad, good], 1), ([broken, good], 1)])
def test_one_failed_result_makes_the_status_and_stops_no_other(script, measures, status, monkeypatch, capsys):
    monkeypatch.setattr(script, "MEASURES", measures)
    assert script.main() == status
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["result"] == "device" and lines[-1]["result"] == "good"
    assert all(line.get("ok", True) for line in lines) == (status == 0)


def test_what_is_cut_and_what_is_left_out_are_lines(script, monkeypatch, capsys):
    def slow(scratch):
        yield {"result": "slow"}
        script._interrupt()

    monkeypatch.setattr(script, "MEASURES", [slow, good])
    assert script.main() == 1
    _, begun, cut, left_out = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert begun["result"] == cut["result"] == "slow" and "cut_after_s" in cut and not cut["ok"]
    assert left_out == {"result": "good", "ok": False, "left_out": "no time"}


def test_tests_come_first_and_are_left_out_without_pytest(script, monkeypatch, tmp_path):
    monkeypatch.setattr(script, "find_spec", lambda name: None)
    assert list(script.MEASURES[0](tmp_path)) == [{"result": "tests marked CUDA", "left_out": "no pytest"}]


def test_a_folder_is_the_callers_and_is_refused_in_one_line_if_it_is_not_empty(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    command = ["sh", str(BENCH / "gpu.sh"), "mine"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    folder = tmp_path.resolve() / "mine"
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == f"FOLDER: found {folder}, which is not empty; allowed: a folder that is new or empty\n"
