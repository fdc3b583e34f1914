"""A project of one's own: begun by ``rtl new``, with the package installed and no checkout in sight."""

import compileall
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from made_once import page_scripts
from small_project import Project
from warm_start import warm_folder

RAN = "Running stage '(.*)@curves'"
STAGES = ["code", "partition", "extract", "retrain", "baselines", "compare"]
HIDING = ("tasks.py", "flows/__init__.py", "flows/extract.py", "rtl_core/__init__.py", "random.py")
FEW = {
    "seeds": [0],
    "sparsities": [0.5],
    "extract": {"duration": "2it", "weights_per_round": 0.5, "rewind_every": 1},
    "retrain": {"duration": "2it", "update": ["synchronous"]},
}
OFFLINE = ("No matching distribution found for setuptools", "Could not find a version that satisfies")


@pytest.fixture(scope="module")
def site(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is installed of the package: its wheel, unpacked."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(repository / name, source)
    for name in ("flows", "tasks", "rtl_core"):
        shutil.copytree(repository / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if any(words in done.stderr for words in OFFLINE):
        pytest.skip("pip cannot fetch what builds a wheel")
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder)
    compileall.compile_dir(folder, quiet=2)  # as pip does
    return folder


def begun(site: Path, folder: Path, *, git: bool) -> Project:
    """What ``rtl new`` writes, with few steps; no line of its code is changed."""
    project = Project.__new__(Project)
    folder.mkdir(exist_ok=True)
    project.folder = folder
    project.environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "MLFLOW_", "DVC_", "RTL_"))},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(site),
    }
    if git:
        project.succeed("git", "init", "--quiet")
    told = project.succeed("rtl", "new", "demo")
    assert [path.name for path in folder.iterdir() if path.name != ".git"] == ["demo"]  # nothing else is left
    assert ("no git repository" in told) != git and told.endswith("demo: begun; next: `cd demo && dvc repro`\n")
    project.folder = folder / "demo"
    params = yaml.safe_load((project.folder / "params.yaml").read_text())
    params["curves"] |= FEW
    (project.folder / "params.yaml").write_text(yaml.safe_dump(params))
    return project


def ran(project: Project, *arguments: str) -> list[str]:
    """The stages that DVC ran."""
    return re.findall(RAN, project.succeed("dvc", "repro", *arguments))


def refused(project: Project, *arguments: str) -> str:
    """The line that stopped DVC."""
    done = project.run("dvc", "repro", *arguments)
    (line,) = re.findall("^error: (.*)", done.stderr, re.MULTILINE)
    assert done.returncode != 0
    return line


def change(file: Path) -> None:
    """Another text, and the same behaviour."""
    file.write_text(f'{file.read_text()}\n"""Nothing."""\n')


@pytest.fixture(scope="module")
def finished(site, tmp_path_factory):
    """One that DVC has run to its tables, beside modules of the user's own, and what it printed: all that is made once
    is made by it, but what pages draw with.
    """
    project = begun(site, tmp_path_factory.mktemp("finished"), git=False)
    shutil.copytree(page_scripts(), project.folder / ".rtl/scripts")
    for name in HIDING:
        (project.folder / name).parent.mkdir(exist_ok=True)
        (project.folder / name).write_text("raise SystemExit('a module of the user in the place of ours')\n")
    listed = project.succeed("dvc", "repro", "code@curves")
    project.cold = True
    first = project.run(f"{warm_folder()}/dvc", "repro", "partition@curves")  # whose stage is cold
    assert first.returncode == 0 and "Prefect makes its tables" in first.stderr, first.stderr
    project.cold = False  # what other stages import by themselves, that one has imported; code is found as there
    return project, [listed, first.stdout, project.succeed("dvc", "repro")]


def test_it_runs_to_its_tables_beside_modules_of_the_users_own(finished):
    project, told = finished
    assert re.findall(RAN, "".join(told)) == STAGES
    answer = told[-1][told[-1].index("curves:") :]
    assert all(method in answer for method in ("RTL", "IMP single"))
    every = project.succeed("rtl", "results", "--all")
    assert "matched protocol" in every and "IMP multiple" in every
    assert (project.folder / "artifacts/curves/report.html").is_file()
    again = project.succeed("dvc", "repro")
    assert not re.findall(RAN, again) and "up to date" in again
    assert "changed since" not in project.succeed("rtl", "results")


def test_dvc_runs_a_problem_again_for_its_own_code_and_for_no_other(finished, site, tmp_path):
    installed = tmp_path / "site"
    shutil.copytree(site, installed)
    project = finished[0].copied(tmp_path / "there")
    project.environment["PYTHONPATH"] = str(installed)
    stage = "partition@curves"
    assert ran(project, stage) == []
    listed = (project.folder / "artifacts/curves/code/compare.txt").read_text()
    assert "  problem\n" in listed and "rtl_core.problems.digits" not in listed and "page.html.jinja" in listed

    change(installed / "rtl_core/problems/digits.py")
    assert ran(project, "-f", "code@curves") == ["code"] and ran(project, stage) == []
    change(installed / "rtl_core/problem.py")
    assert ran(project, stage) == []  # DVC watches what lies in the project
    again = "`dvc repro -f code@curves` and `dvc repro` take it up"
    assert refused(project, "--force", "--single-item", stage) == (
        "artifacts/curves/code/partition.txt: found the list of other code than runs here, as after an upgrade; "
        f"{again}"
    )
    assert ran(project, "-f", "code@curves") == ["code"] and ran(project, stage) == ["partition"]

    change(project.folder / "problem.py")
    assert ran(project, stage) == ["code", "partition"]
    (project.folder / "helpers.py").write_text("")
    own = project.folder / "problem.py"
    own.write_text(f"import helpers\n{own.read_text()}")
    assert refused(project, stage) == ("dvc.yaml: code: add `- helpers.py` to deps: DVC would not see when it changes")


def test_what_is_missing_in_params_yaml_is_told_before_the_first_stage(site, tmp_path):
    project = begun(site, tmp_path, git=True)
    file = project.folder / "params.yaml"
    params = yaml.safe_load(file.read_text())
    without = {key: value for key, value in params["curves"].items() if key not in ("collapse", "baselines")}
    for wrong, said in (
        ({"problems": ["curves"], "curves": without}, "found no curves.collapse, curves.baselines, which "),
        ({**params, "problems": ["curves", "more"]}, "unknown problem 'more'; params.yaml has: curves"),
        (
            {**params, "problems": ["curves", "more"], "more": {"problem": "problem:curves"}},
            "found no more.training, more.partition, ",
        ),
    ):
        file.write_text(yaml.safe_dump(wrong))
        assert said in refused(project)
        assert not (project.folder / "data").exists()
    file.write_text(yaml.safe_dump(params))
    assert ran(project, "code@curves") == ["code"]


def test_nothing_is_overwritten(site, tmp_path):
    project = begun(site, tmp_path, git=False)
    before = {path: path.read_bytes() for path in project.folder.rglob("*") if path.is_file()}
    for place, said in ((".", ".: found .dvc in it; "), ("params.yaml", "params.yaml: found a file; ")):
        done = project.run("rtl", "new", place)
        assert done.returncode == 1 and done.stderr.startswith(f"error: {said}allowed: a folder that is not there yet")
    assert {path: path.read_bytes() for path in project.folder.rglob("*") if path.is_file()} == before
    empty = project.folder / "empty"
    empty.mkdir()
    project.folder = empty
    project.succeed("rtl", "new", ".")
    assert (empty / "problem.py").is_file()


def test_it_has_the_stages_of_the_checkout(repository):
    here = yaml.safe_load((repository / "dvc.yaml").read_text())
    files = repository / "flows/command_line/project_files"
    there = yaml.safe_load((files / "dvc.yaml.template").read_text())
    assert there["stages"]["code"].pop("deps") == ["problem.py"]
    assert here["stages"]["code"].pop("deps") == ["flows", "rtl_core", "tasks"]
    assert there["stages"]["compare"].pop("cmd")[0] == here["stages"]["compare"].pop("cmd")
    assert there == here
    for plot in (repository / ".dvc/plots").iterdir():
        assert (files / "dvc/plots" / plot.name).read_bytes() == plot.read_bytes()
