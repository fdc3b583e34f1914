"""A run whose numbers mean nothing says so wherever its results are read; beside it, one that learned says nothing."""

import sqlite3
from contextlib import closing
from copy import deepcopy
from pathlib import Path

import pandas as pd
import pytest
import yaml
from few_digits import few_digits
from small_project import Project

GUESSABLE = '''
from few import Few

CHANCE = {"auroc": 0.5, "balanced_accuracy": 0.5}


class Guessable(Few):
    """Digits, of whose figures it is known what guessing would give."""

    def _score(self, *arguments):
        found = super()._score(*arguments)
        return [row._replace(higher_is_better=True, chance=CHANCE.get(row.metric)) for row in found]
'''
SECTIONS = ["digits", "unmoved"]
UNMOVED = {
    "problem": "guessable:Guessable",
    "seeds": [0],
    "sparsities": [0.4, 0.997],
    "optimizer": {"learning_rate": 1e-12},
    "extract": {"duration": "6it", "weights_per_round": 0.8, "rewind_every": 1},
    "retrain": {"duration": "12it", "update": ["sequential"], "sparsities": [0.4]},
    "baselines": {"methods": ["imp_single"]},
    "collapse": {"sparsities": [0.997]},
}


@pytest.fixture(scope="module")
def project(one_level, tmp_path_factory):
    """A project with a section that learned, whose run has ended, and one that will not."""
    project = one_level.copied(tmp_path_factory.mktemp("doubtful"))
    (project.folder / "guessable.py").write_text(GUESSABLE)
    params = project.folder / "params.yaml"
    sections = yaml.safe_load(params.read_text())
    unmoved = few_digits(project, deepcopy(sections["digits"])) | UNMOVED
    params.write_text(yaml.safe_dump({"problems": SECTIONS, "digits": sections["digits"], "unmoved": unmoved}))
    return project


@pytest.fixture(scope="module")
def warned(project):
    """What the run and then the reading of its results warn of on stderr."""
    found = []
    for command in (("run", "pipeline"), ("results",)):
        done = project.run("rtl", *command, *SECTIONS)
        assert done.returncode == 0, done.stdout + done.stderr
        found.append([line for line in done.stderr.splitlines() if line.startswith("warning: ")])
    return found


def warnings_of(section: str, lines: list[str]) -> list[str]:
    start = f"warning: {section}: "
    return [line.removeprefix(start) for line in lines if line.startswith(start)]


def published(project: Project, section: str) -> tuple[pd.DataFrame, str]:
    """The table of doubts and the page."""
    folder: Path = project.folder / "artifacts" / section
    return pd.read_csv(folder / "tables/doubts.csv"), (folder / "report.html").read_text()


def tags(project: Project, section: str) -> list[str]:
    """The doubts of all runs of a section in MLflow, in order."""
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as database:
        query = (
            "select value from tags join runs using (run_uuid) join experiments using (experiment_id) "
            "where experiments.name = ? and key like 'doubt.%' order by key"
        )
        return [value for (value,) in database.execute(query, (section,))]


def test_a_run_that_learned_says_nothing(project, warned):
    table, page = published(project, "digits")
    assert table.empty and list(table) == ["method", "sparsity", "kind", "metrics", "text"]
    assert tags(project, "digits") == []
    assert 'id="doubts"' not in page
    for told in warned:
        assert len(warnings_of("unmoved", told)) == len(told)  # no line names no section, or the one that learned


def test_a_run_in_which_no_weight_moved_says_so_in_a_line_of_each_kind(project, warned):
    told, told_again = (warnings_of("unmoved", lines) for lines in warned)
    table, page = published(project, "unmoved")
    loss, chance, collapse = told
    assert loss.startswith("every method and level: the loss of all 4 tickets did not fall in training (")
    assert chance.startswith(
        "every score of paper balanced accuracy, matched AUROC and matched balanced accuracy is at chance: nothing was"
    )
    assert collapse.startswith(
        "RTL sequential, pruned on to see when tickets collapse: at 99.7 % all 3 tickets have a "
    )
    assert "layer without a single weight (3 and 6), the loss of all 3 tickets did not fall" in collapse
    assert list(table.text) == told and list(table.kind) == ["losses", "chance", "collapse"]
    assert tags(project, "unmoved") == told
    assert all(f"<li>{line}</li>" in page for line in told)
    assert told_again == told
