"""What to expect of RTL, from a small run that leaves what is published, and what DVC and MLflow know, as it was."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from copy import deepcopy

import pandas as pd
import pytest
import yaml
from example_waves import MINE
from rich.cells import cell_len
from typer.testing import CliRunner

from flows.command_line.app import app
from rtl_core.errors import RtlError

SHARED = (
    "def partition(cls, folder, *, source: str):",
    "def partition(cls, folder, *, source: str, share: float = 1.0):",
)
PART = ("Path(source).read_text()", "str(int(share * int(Path(source).read_text())))")


@pytest.fixture(scope="module")
def project(one_level, tmp_path_factory):
    """A project whose digits are published, with a problem of one's own: its errors, of which lower is better, are of
    two waves, and its module and a file that a setting names by a relative path lie in the project.
    """
    project = one_level.copied(tmp_path_factory.mktemp("advise"))
    code = MINE
    for old, new in (SHARED, PART):
        assert code.count(old) == 1
        code = code.replace(old, new)
    (project.folder / "mine.py").write_text(code)
    (project.folder / "points.txt").write_text("320")
    params = yaml.safe_load((project.folder / "params.yaml").read_text())
    own = {"problem": "mine:Waves", "partition": {"source": "points.txt"}, "training": {"width": 8}, "seeds": [3, 4]}
    params["mine"] = deepcopy(params["digits"]) | own
    (project.folder / "params.yaml").write_text(yaml.safe_dump(params))
    return project


def logged(project):
    """What MLflow has of digits: its runs, the table of runs that its page opens on, and models."""
    own = "experiment_id = (select experiment_id from experiments where name = 'digits')"
    asked = (
        f"select run_uuid from runs where {own}",
        f"select key, value from experiment_tags where {own}",
        "select name, version from model_versions where name = 'rtl-digits'",
    )
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as database:
        return [sorted(database.execute(query)) for query in asked]


def untouched(project):
    """Everything that is published but of small runs, and what DVC and MLflow know."""
    published = {name: data for name, data in project.published().items() if ".advice/" not in name}
    return published, logged(project), project.succeed("dvc", "status"), project.succeed("git", "status", "--short")


@pytest.fixture(scope="module")
def advised(project):
    """What it printed, and what it left as it was before."""
    project.succeed("git", "init", "--quiet")
    (data := project.folder / "data/mine").mkdir()
    shutil.copy(project.folder / "points.txt", data)
    before = untouched(project)
    shown = project.succeed("rtl", "advise", "mine")
    return shown, before, untouched(project)


def test_what_is_published_and_what_dvc_and_mlflow_know_stays_as_it_was(project, advised):
    _, before, after = advised
    assert before == after and any(name.startswith("data/mine/") for name in before[0])
    parts = {name: (project.folder / f"data/{name}/points.txt").read_text() for name in ("mine", "mine.advice")}
    assert parts == {"mine": "320", "mine.advice": "32"}
    assert (project.folder / "artifacts/mine.advice/report.html").is_file()
    refused = project.run("rtl", "results", "mine.advice")
    assert refused.returncode == 1 and refused.stderr.startswith(
        "error: unknown problem 'mine.advice'; params.yaml has"
    )


def test_a_terminal_shows_by_how_much_rtl_is_ahead_of_each_and_what_that_says_nothing_of(advised):
    shown, _, _ = advised
    words = " ".join(shown.split())
    assert max(cell_len(line) for line in shown.splitlines() if ".html" not in line) <= 80
    assert "mine.advice: 40 % sparsity, seed 3, partition.share 0.1 in place of 1 " in words
    assert "shared mask: left out" in words  # IMP single's network takes in one value more
    assert "mine: MSE (lower is better), paper protocol, 40 % sparsity" in words
    assert re.search(r"^ IMP multiple .*\[.*\] +(not decided|RTL is (ahead|behind)) *$", shown, re.MULTILINE)
    assert "Advice: " in words and "one seed on a share of 0.1 of the data" in words
    assert "(Student's t) are over 2 subsets, and say nothing of another seed; `rtl run pipeline mine`" in words


def test_once_more_nothing_is_computed_and_a_program_is_told_the_same(project, advised):
    executed = project.executed()
    done = project.run("rtl", "advise", "mine", "--json")
    assert project.executed() == executed and "pruning rounds: all 4 kept" in done.stderr
    told = json.loads(done.stdout)
    results = pd.read_csv(project.folder / "artifacts/mine.advice/tables/results.csv")
    errors = results[(results.metric == "mse") & (results.subset != "mean")].pivot(
        index="subset", columns="method", values="value"
    )
    assert told["higher_is_better"] is False and told["scores"] == pytest.approx(errors.mean().to_dict())
    assert set(told["rtl_ahead_by"]) == {"imp_single", "imp_multiple"}
    for rival, lead in told["rtl_ahead_by"].items():
        assert lead["mean"] == pytest.approx((errors[rival] - errors["rtl"]).mean())  # above zero: RTL errs less
        assert lead["decided"] == (lead["low"] > 0 or lead["high"] < 0)
    assert all(f"warning: mine.advice: {line}\n" in done.stderr for line in told["doubts"])
    assert f"Advice: {told['advice']}" in " ".join(advised[0].split())


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["mine", "--share", "0"], "--share: found 0; allowed: above 0 and up to 1"),
        (["mine", "--sparsity", "1"], "--sparsity: found 1.0; allowed: above 0 and below 1, with up to 6 decimals"),
        (["theirs"], "unknown problem 'theirs'; params.yaml has: "),
    ],
)
def test_bad_input_is_one_line(project, arguments, line, monkeypatch):
    monkeypatch.chdir(project.folder)
    done = CliRunner().invoke(app, ["advise", *arguments])
    assert isinstance(done.exception, RtlError) and str(done.exception).startswith(line)
