"""A run whose numbers mean nothing says so wherever its results are read; the same run, learning, says nothing."""

import sqlite3
from contextlib import closing
from copy import deepcopy

import pandas as pd
import pytest
import yaml
from small_project import Project

GUESSABLE = '''
from rtl_core.problems.digits import Digits

CHANCE = {"auroc": 0.5, "balanced_accuracy": 0.5}


class Guessable(Digits):
    """Digits, of whose figures it is known what guessing would give."""

    def _score(self, *arguments):
        found = super()._score(*arguments)
        return [row._replace(higher_is_better=True, chance=CHANCE.get(row.metric)) for row in found]
'''
SETTINGS = {
    "problem": "guessable:Guessable",
    "seeds": [0],
    "sparsities": [0.4, 0.997],
    "extract": {"duration": "6it", "weights_per_round": 0.8, "rewind_every": 1},
    "retrain": {"duration": "12it", "update": ["sequential"], "sparsities": [0.4]},
    "baselines": {"methods": ["imp_single"]},
    "collapse": {"sparsities": [0.997]},
}


@pytest.fixture(scope="module")
def project(repository, tmp_path_factory):
    project = Project.new(repository, tmp_path_factory.mktemp("doubtful"))
    (project.folder / "guessable.py").write_text(GUESSABLE)
    return project


def run(project: Project, **changes: object) -> tuple[list[str], pd.DataFrame]:
    """What a run warns of on stderr, and the lines that it publishes."""
    params = yaml.safe_load((project.folder / "params.yaml").read_text())
    params["guessable"] = deepcopy(params["digits"] | SETTINGS | changes)
    (project.folder / "params.yaml").write_text(yaml.safe_dump(params))
    done = project.run("rtl", "run", "pipeline", "guessable")
    assert done.returncode == 0, done.stdout + done.stderr
    return warnings_in(done.stderr), pd.read_csv(project.folder / "artifacts/guessable/tables/doubts.csv")


def warnings_in(text: str) -> list[str]:
    return [line.removeprefix("warning: guessable: ") for line in text.splitlines() if line.startswith("warning: ")]


def tags(project: Project) -> list[str]:
    """The doubts of all runs in MLflow, in order."""
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as database:
        query = "select value from tags where key like 'doubt.%' order by key"
        return [value for (value,) in database.execute(query)]


def test_a_run_that_learned_says_nothing(project):
    learned = {"sparsities": [0.4], "collapse": {"sparsities": []}, "optimizer": {"learning_rate": 0.01}}
    told, table = run(project, **learned)
    assert told == [] and table.empty and list(table) == ["method", "sparsity", "kind", "metrics", "text"]
    assert tags(project) == []
    assert 'id="doubts"' not in (project.folder / "artifacts/guessable/report.html").read_text()
    assert warnings_in(project.run("rtl", "results", "guessable").stderr) == []


def test_a_run_in_which_no_weight_moved_says_so_in_a_line_of_each_kind(project):
    told, table = run(project, optimizer={"learning_rate": 1e-12})
    loss, chance, collapse = told
    assert loss.startswith("every method and level: the loss of all 11 tickets did not fall in training (")
    assert chance.startswith(
        "every score of paper balanced accuracy and matched AUROC is at chance: nothing was learned"
    )
    assert collapse.startswith(
        "RTL sequential, pruned on to see when tickets collapse: at 99.7 % all 10 tickets have a "
    )
    assert "layer without a single weight (6), the loss of all 10 tickets did not fall" in collapse
    assert list(table.text) == told and list(table.kind) == ["losses", "chance", "collapse"]
    assert tags(project) == told
    page = (project.folder / "artifacts/guessable/report.html").read_text()
    assert all(f"<li>{line}</li>" in page for line in told)
    assert warnings_in(project.run("rtl", "results", "guessable").stderr) == told
