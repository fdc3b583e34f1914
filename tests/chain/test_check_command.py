"""Whoever brings a problem is told what to change before anything is trained, by ``rtl check`` and by a run."""

import shutil
import sys
from copy import deepcopy
from unittest.mock import patch

import pytest
import yaml
from example_waves import MINE
from small_project import Project

from rtl_core.errors import SettingsError
from tasks.artefacts.paths import JobName
from tasks.check_job import check_job
from tasks.jobs.making import job_of
from tasks.settings.problem_settings import problem_settings

PLAIN = "return nn.Sequential(nn.Linear(inputs, self.width), nn.ReLU(), nn.Linear(self.width, 1))"
FAULTS = {
    "random slopes": (
        PLAIN.replace("nn.ReLU()", "nn.RReLU()"),
        "error: mine: objective 'sine': training draws random numbers (rrelu_with_noise) from no generator, ",
    ),
    "no network": ('raise ValueError("no weights today")', "error: mine: network(): ValueError: no weights today"),
    "frozen": (
        PLAIN + ".requires_grad_(False)",
        "error: mine: network(): the network's parameter '0.weight' is frozen (requires_grad=False); ",
    ),
}


@pytest.fixture(scope="module")
def project(repository, tmp_path_factory):
    """A project whose data are partitioned: they are those of any network."""
    project = Project.new(repository, folder := tmp_path_factory.mktemp("checked"))
    (folder / "points.txt").write_text("32")
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["mine"] = deepcopy(params["digits"]) | {
        "problem": "mine:Waves",
        "partition": {"source": "points.txt"},
        "training": {"width": 8},
        "seeds": [0],
        "sparsities": [0.4],
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    write(project, PLAIN)
    (folder / "data/mine").mkdir(parents=True)
    shutil.copy(folder / "points.txt", folder / "data/mine")
    return project


def write(project, network, module="mine"):
    line = next(line for line in MINE.splitlines() if line.strip().startswith("return initialise("))
    assert MINE.count(line) == 1
    (project.folder / f"{module}.py").write_text(MINE.replace(line.strip(), network))


def test_a_plain_network_has_nothing_to_change(project):
    assert project.succeed("rtl", "check", "mine").startswith("mine: found nothing to change")


def nothing_is_trained(project):
    return {path.parent.name for path in project.folder.glob("artifacts/**/*.*")} <= {"code"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_a_line_and_no_step_is_taken(project, fault, monkeypatch):
    network, line = FAULTS[fault]
    write(project, network)
    done = project.run("rtl", "check", "mine")
    assert done.returncode == 1 and done.stderr.splitlines()[0].startswith(line), done.stderr
    assert all(text.startswith("error: mine: ") for text in done.stderr.splitlines())
    monkeypatch.chdir(project.folder)
    monkeypatch.syspath_prepend(project.folder)
    write(project, network, module := f"mine_{list(FAULTS).index(fault)}")
    with patch.dict(sys.modules), pytest.raises(SettingsError) as refused:  # by what every stage that trains does first
        settings = problem_settings("mine").model_copy(update={"problem": f"{module}:Waves"})
        check_job.fn(job_of(JobName("mine"), settings), 0, cut=False, across=[])
    assert f"error: {refused.value}".startswith(line) and "\n" not in str(refused.value)


def test_a_run_says_so_before_anything_is_trained(project):
    network, line = FAULTS["random slopes"]
    write(project, network)
    run = project.run("rtl", "run", "extract", "mine")
    assert run.returncode == 1 and run.stderr.startswith(line) and run.stderr.count("\n") == 1, run.stderr
    assert nothing_is_trained(project)


def test_methods_whose_masks_fit_one_network_alone_are_refused_before_anything_is_trained(project):
    write(project, PLAIN)
    params = yaml.safe_load((project.folder / "params.yaml").read_text())
    params["mine"]["baselines"] = {"methods": ["imp_multiple", "shared_mask", "imp_single_union"]}
    (project.folder / "params.yaml").write_text(yaml.safe_dump(params))
    methods = "shared_mask, imp_single_union"
    line = f"error: mine: {methods}: the network of IMP single has other weights than the tickets'\n"
    for command in (["check", "mine"], ["run", "pipeline", "mine"]):
        done = project.run("rtl", *command)
        assert (done.returncode, done.stderr) == (1, line)
    assert nothing_is_trained(project)
