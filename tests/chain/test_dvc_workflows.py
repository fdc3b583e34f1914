"""DVC as teams use it: results pulled from a store, a queue of experiments, and revisions side by side."""

import io
import json
import re
import shutil
import sqlite3
import xml.etree.ElementTree as ElementTree
from contextlib import closing
from copy import copy
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import vl_convert
import yaml
from http_answers import until
from small_project import ONE_LEVEL, Project
from waves_project import NAME, finished_waves

from tasks.figures.catalogue import VEGA_LITE

FACTOR = f"{NAME}.baselines.single_duration_factor"
COMMITTED, MORE, LONGER = ONE_LEVEL["baselines"]["single_duration_factor"], 4, 3
SCORES = f"artifacts/{NAME}/metrics"
SCRIPTS = ".rtl/scripts"
"""What pages draw with, which would be made anew for each checkout."""
AUTHOR = {
    f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in (("NAME", "a"), ("EMAIL", "a@b"))
}


def dvc(project: Project, *arguments: str) -> str:
    return project.succeed("timeout", "900", "dvc", *arguments)


@pytest.fixture(scope="module")
def project(repository, tmp_path_factory):
    """A project whose results are committed, and whose bytes lie in a store outside it as well."""
    folder = tmp_path_factory.mktemp("team")
    project = finished_waves(repository, folder)
    project.environment |= AUTHOR
    stages = yaml.safe_load((project.folder / "dvc.yaml").read_text())
    stages["stages"]["code"]["deps"].append("waves.py")
    (project.folder / "dvc.yaml").write_text(yaml.safe_dump(stages, sort_keys=False))
    project.succeed("git", "init", "--quiet", "--initial-branch", "main")
    project.succeed("git", "add", "--force", SCRIPTS)
    dvc(project, "commit", "--force")
    dvc(project, "remote", "add", "--default", "store", str(folder / "store"))
    project.succeed("git", "add", ".")
    project.succeed("git", "commit", "--quiet", "-m", "results")
    dvc(project, "push")
    return project


def at_work(project: Project) -> list[psutil.Process]:
    """Processes in this project's folder, such as the worker of its queue and what that has started."""
    return [
        found for found in psutil.process_iter(["cwd"]) if (found.info["cwd"] or "").startswith(str(project.folder))
    ]


@pytest.fixture(scope="module")
def experiments(project):
    """The table of two experiments from a queue, by the setting in which they differ."""
    project.environment |= {
        "PREFECT_HOME": str(project.folder / ".rtl/prefect"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{project.folder}/mlflow.db",
    }
    try:
        dvc(project, "exp", "run", "--queue", "-S", f"{FACTOR}={COMMITTED},{MORE}")
        dvc(project, "exp", "run", "--run-all")
        table = pd.read_csv(io.StringIO(dvc(project, "exp", "show", "--csv")))
        yield table[table.Experiment.notna()].set_index(FACTOR).sort_index()
        dvc(project, "queue", "stop")
        until(lambda: not at_work(project), 60, lambda: f"{at_work(project)} still run")
    finally:
        for process in at_work(project):
            process.kill()


def test_a_clone_pulls_what_was_pushed_has_nothing_to_run_and_names_no_run_of_what_is_from_elsewhere(project, tmp_path):
    clone = copy(project)
    clone.folder = tmp_path / "clone"
    clone.environment = {**project.environment, "PYTHONPATH": str(clone.folder)}
    project.succeed("git", "clone", "--quiet", str(project.folder), str(clone.folder))
    assert not clone.published()
    dvc(clone, "pull")
    assert clone.published() == project.published() != {}
    told = dvc(clone, "repro")
    assert "up to date" in told and "Running stage" not in told
    assert [path.name for path in (clone.folder / ".rtl").iterdir()] == [Path(SCRIPTS).name]  # no flow was started
    assert json.loads(dvc(clone, "status", "--json")) == json.loads(dvc(clone, "status", "--cloud", "--json")) == {}
    assert not clone.succeed("git", "status", "--porcelain")

    page = f"artifacts/{NAME}/report.html"
    assert f"`rtl report {NAME}` writes all of it on one page, {page}" in clone.succeed("rtl", "results")
    clone.succeed("rtl", "report", NAME)
    of_tables_from_elsewhere = (clone.folder / page).read_text()
    assert "nothing is known here" in of_tables_from_elsewhere
    assert 'id="settings"' not in of_tables_from_elsewhere and "<dl>" not in of_tables_from_elsewhere


@pytest.fixture
def own(project, tmp_path):
    """The project elsewhere, with all that came out, to be changed."""
    return project.copied(tmp_path / "own")


def at_factor(project: Project, factor: float) -> str:
    """What ``dvc repro`` prints under another setting, or the committed one."""
    project.succeed("git", "checkout", "--quiet", ".")
    if factor != COMMITTED:
        params = project.folder / "params.yaml"
        text = params.read_text()
        changed = text.replace(f"single_duration_factor: {COMMITTED}\n", f"single_duration_factor: {factor}\n", 1)
        assert changed != text
        params.write_text(changed)
    return dvc(project, "repro")


def shown(project: Project) -> tuple[str, str]:
    """The setting and the MLflow run that the page names."""
    page = (project.folder / f"artifacts/{NAME}/report.html").read_text()
    (factor,) = re.findall(r">baselines.single_duration_factor</th><td>([^<]*)<", page)
    (run,) = re.findall(r"<dt>MLflow run</dt><dd>([^<]*)<", page)
    return factor, run


def test_tables_that_dvc_brings_back_are_described_by_their_own_run(own):
    first, told = shown(own), own.succeed("rtl", "results")
    assert float(first[0]) == COMMITTED and f"All of it on one page: artifacts/{NAME}/report.html" in told
    at_factor(own, LONGER)
    second, logged = shown(own), own.logged()
    assert float(second[0]) == LONGER and second[1] != first[1]

    assert f"Stage 'compare@{NAME}' is cached" in at_factor(own, COMMITTED)
    told = own.succeed("rtl", "results")
    assert f"artifacts/{NAME}/report.html is the page of another comparison: `rtl report {NAME}` writes" in told
    assert "All of it on one page" not in told
    own.succeed("rtl", "report", NAME)
    assert shown(own) == first and "All of it on one page" in own.succeed("rtl", "results")

    at_factor(own, LONGER)
    assert shown(own) == first  # until a run or a report of the tables that came back writes their page
    dvc(own, "repro", "--force", "--single-item", f"compare@{NAME}")
    assert shown(own) == second and own.logged() == logged


def test_the_table_compares_experiments_from_a_queue(experiments):
    assert experiments.index.tolist() == [COMMITTED, MORE]
    assert (experiments.State == "Success").all() and experiments.Experiment.is_unique
    of_method = {method: experiments[f"{SCORES}/{method}.json:40 %"] for method in ("rtl", "imp_single")}
    assert of_method["rtl"].nunique() == 1  # tickets do not depend on how long a baseline trains
    assert of_method["imp_single"].nunique() == 2


def test_the_columns_that_matter_fit_a_terminal(project, experiments):
    needless = "(artifacts/[^:]*$|Created|State|Executor)"
    asked = ["exp", "show", "--no-pager", "--only-changed", "--hide-workspace", "--drop", needless]
    project.environment["COLUMNS"] = "120"
    table = dvc(project, *asked)
    assert max(map(len, table.splitlines())) <= 120 and "…" not in table
    assert f"{SCORES}/imp_single.json:40 %" in table and FACTOR in table and "rtl.json" not in table


def test_an_experiment_runs_only_the_stages_that_its_setting_reaches(project, experiments):
    ran = {
        factor: re.findall(rf"Running stage '(\w+)@{NAME}'", dvc(project, "queue", "logs", name))
        for factor, name in experiments.Experiment.items()
    }
    assert ran == {COMMITTED: [], MORE: ["baselines", "compare"]}


def test_runs_of_a_queue_are_kept_where_the_environment_says(project, experiments):
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as database:
        query = (
            "select value, artifact_uri from runs join params using (run_uuid) "
            f"where name = '{NAME}' and key = 'baselines.single_duration_factor'"
        )
        kept = {float(factor): folder for factor, folder in database.execute(query)}
    assert set(kept) == {COMMITTED, MORE}
    assert all((Path(folder.removeprefix("file://")) / "figures/metrics.png").is_file() for folder in kept.values())
    with closing(sqlite3.connect(project.folder / ".rtl/prefect/prefect.db")) as database:
        query = f"select count(*) from flow_run where name = 'baselines {NAME}' and state_name = 'Completed'"
        assert database.execute(query).fetchone() == (2,)


def test_make_run_does_without_git_until_there_is_a_repository(one_level, repository, tmp_path):
    project = one_level.copied(tmp_path)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(repository / name, tmp_path)
    (tmp_path / ".complete").touch()
    stages = yaml.safe_load((tmp_path / "dvc.yaml").read_text())["stages"]
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"code": stages["code"]}}))
    config, run = tmp_path / ".dvc/config.local", ("make", "run", "ENVIRONMENT=.complete")
    assert "Running stage 'code@digits'" in project.succeed(*run) and "no_scm = true" in config.read_text()
    project.succeed("git", "init", "--quiet")
    assert "digits: " in project.succeed(*run) and "no_scm" not in config.read_text()
    project.succeed("dvc", "diff")  # which needs git


def revisions_in(spec: dict[str, Any]) -> dict[str, set[str]]:
    """How opaque the lines of each revision are drawn."""
    drawn = ElementTree.fromstring(vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE))
    lines = [path.attrib for path in drawn.findall(".//{*}path") if path.get("aria-roledescription") == "line mark"]
    opacity: dict[str, set[str]] = {}
    for line in lines:
        (revision,) = re.findall(r"revision: ([^;]+)", line["aria-label"])
        opacity.setdefault(revision, set()).add(line["opacity"])
    return opacity


def test_commits_are_compared_setting_by_setting_score_by_score_curve_by_curve(project, experiments):
    dvc(project, "exp", "branch", experiments.Experiment[MORE], "more")
    params = json.loads(dvc(project, "params", "diff", "--json", "main", "more"))
    assert params == {"params.yaml": {FACTOR: {"old": COMMITTED, "new": MORE, "diff": MORE - COMMITTED}}}
    (changed,) = json.loads(dvc(project, "metrics", "diff", "--json", "main", "more")).items()
    path, changes = changed
    assert path == f"{SCORES}/imp_single.json" and list(changes) == ["40 %"]
    assert changes["40 %"]["new"] == pytest.approx(experiments.loc[MORE, f"{path}:40 %"], abs=1e-5)

    others = [experiments.Experiment[COMMITTED]]
    compared = json.loads(dvc(project, "plots", "diff", "main", "more", *others, "--json"))["data"]
    assert {path.rpartition("/")[2] for path in compared} == {"summary.csv", "similarity.csv", "collapse.csv"}
    for (plot,) in compared.values():
        drawn = revisions_in(plot["content"])
        assert list(drawn) == ["main", "more", *others]
        levels = [float(opacity) for (opacity,) in drawn.values()]
        assert levels[0] == 1 and len({round(level, 2) for level in levels}) == 3
    for (plot,) in json.loads(dvc(project, "plots", "show", "--json"))["data"].values():
        assert revisions_in(plot["content"]) == {"workspace": {"1"}}
