"""A ``ContextProblem`` that a module holds runs in the pipeline, to the same bytes as by ``find_tickets``."""

import re
import sys
from copy import deepcopy
from unittest.mock import patch

import pytest
import yaml
from small_project import Project

from rtl_core import OptimizerChoice, find_tickets
from rtl_core.errors import DataError
from rtl_core.ticket_file import tickets_to_bytes, without_about
from tasks.artefacts.paths import JobName
from tasks.jobs.job import load_problem
from tasks.jobs.making import job_of
from tasks.settings.problem_settings import problem_class, problem_settings

MINE = '''
from pathlib import Path

import torch
from torch import nn

from rtl_core import ContextProblem, Measure

rows = torch.tensor([[float(value) for value in line.split(",")] for line in Path("rows.csv").read_text().split()])


def split(parity):
    own = rows[parity::2]
    return {name: (own[:, :2], own[:, 2 + k :][:, :1]) for k, name in enumerate(["sum", "difference"])}


def problem():
    return ContextProblem(
        lambda: nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)),
        train=split(0), test=split(1), loss=nn.functional.mse_loss, batch_size=8, told="one-hot",
        metrics={"error": Measure(lambda outputs, targets: (outputs - targets).abs().mean(), higher_is_better=False)},
    )


held = problem()
'''  # fmt: skip


def rows(count):
    return "\n".join(f"{n % 7},{n % 5},{n % 7 + n % 5},{n % 7 - n % 5}" for n in range(count))


@pytest.fixture
def project(repository, tmp_path):
    project = Project.new(repository, tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "rows.csv").write_text(rows(40))
    params = yaml.safe_load((tmp_path / "params.yaml").read_text())
    params["mine"] = deepcopy(params["digits"]) | {
        "problem": "mine:held",
        "partition": {},
        "training": {},
        "seeds": [2],
        "sparsities": [0.4],
        "optimizer": {"name": "adam", "learning_rate": 0.01},
        "extract": {"duration": "2ep", "weights_per_round": 0.4, "rewind_every": 1},
        "retrain": {"duration": "3ep", "update": ["synchronous"]},
        "baselines": {"methods": ["imp_single", "imp_multiple"]},
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    return project


def test_the_pipeline_computes_the_same_bytes_and_changed_data_train_anew(project, monkeypatch):
    folder = project.folder
    project.succeed("rtl", "run", "pipeline", "mine")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    namespace: dict = {}
    exec(MINE, namespace)
    tickets = find_tickets(
        namespace["problem"](),
        [0.4],
        baselines=["imp_single", "imp_multiple"],
        extract_duration="2ep",
        retrain_duration="3ep",
        weights_per_round=0.4,
        optimizer=OptimizerChoice("adam", 0.01),
        seed=2,
        name="mine",
    )
    files = [
        file for kind in ("tickets", "baselines") for file in (folder / "artifacts/mine" / kind).rglob("*.safetens*")
    ]
    published = [without_about(file.read_bytes(), file.name) for file in files]
    for place, sets in tickets.sets.items():
        assert all(tickets_to_bytes(one) in published for one in sets), place

    digest = (folder / "data/mine/digest.txt").read_text()
    assert re.fullmatch("[0-9a-f]{64}", digest)
    (folder / "rows.csv").write_text(rows(44))
    assert "mine: rows.csv changed since these tables were made" in project.succeed("rtl", "results", "mine")
    with patch.dict(sys.modules):
        settings = problem_settings("mine")
        with pytest.raises(DataError, match=r"^mine: its data are others than those partitioned"):
            load_problem(job_of(JobName("mine"), settings))
        problem_class("mine:held").partition(folder / "data/mine")
        assert (folder / "data/mine/digest.txt").read_text() != digest
        assert load_problem(job_of(JobName("mine"), settings)).subsets == ("sum", "difference")


def test_a_function_that_makes_the_problem_will_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "made_here.py").write_text(MINE)
    (tmp_path / "rows.csv").write_text(rows(40))
    (tmp_path / "data").mkdir()
    made, held = problem_class("made_here:problem"), problem_class("made_here:held")
    assert made is problem_class("made_here:problem")
    made.partition(tmp_path / "data")
    assert held(tmp_path / "data").subsets == ("sum", "difference")  # type: ignore[call-arg]
    assert made.source_files() == made.training_files() == [tmp_path / "rows.csv"]
