"""Whatever a problem's module imports from the project, and every file that it reads, is an input of its steps."""

import re
import shutil
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from unittest.mock import patch

import torch
import yaml
from example_waves import MINE
from safetensors.torch import save_file
from small_project import Project

from rtl_core.errors import RtlError
from tasks.artefacts.paths import JobName
from tasks.jobs.job import load_problem
from tasks.jobs.making import job_of
from tasks.settings.problem_settings import problem_settings

READERS = {
    "torch.load": ("backbone.pt", "torch.load('backbone.pt', weights_only=True)"),
    "safetensors": ("backbone.safetensors", "load_file('backbone.safetensors')"),
    "another thread": ("table.csv", "ThreadPoolExecutor().submit(Path('table.csv').read_text).result()"),
    "a dynamic import": ("plugin.py", "__import__('plug' + 'in')"),
}
PLACES = {
    "constructor": "self.width = width",
    "network": "return initialise(",
    "single network": "return self.network(",
}
IMPORTS = "from concurrent.futures import ThreadPoolExecutor\nfrom safetensors.torch import load_file\n"


def waves(reader: str, place: str) -> str:
    """The problem of two waves, whose constructor or network reads one thing more."""
    return IMPORTS + MINE.replace(PLACES[place], f"{READERS[reader][1]}\n        {PLACES[place]}", 1)


def waves_project(repository: Path, folder: Path, **changes: object) -> Project:
    """A project with the problem of two waves, few steps, and files that the problem may read."""
    project = Project.new(repository, folder, seeds=[0], sparsities=[0.4])
    params = yaml.safe_load((folder / "params.yaml").read_text())
    own = {"problem": "waves:Waves", "partition": {"source": "points.txt"}, "training": {"width": 8}}
    params |= {"problems": ["My_waves"], "My_waves": deepcopy(params["digits"]) | own | changes}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    (folder / "waves.py").write_text(MINE)
    (folder / "points.txt").write_text("32")
    (folder / "table.csv").write_text("1")
    (folder / "plugin.py").write_text("")
    write_backbone(folder, 1.0)
    return project


def write_backbone(folder: Path, value: float) -> None:
    """The same tensor in both forms."""
    tensors = {"a": torch.full((1,), value)}
    torch.save(tensors, folder / "backbone.pt")
    save_file(tensors, folder / "backbone.safetensors")


def said(action: Callable[[], object]) -> str | None:
    try:
        action()
    except RtlError as problem:
        return str(problem)
    return None


def said_of(modules: list[str]) -> dict[str, str | None]:
    """What comes of the problem in each of these modules, and of a named file that changes under a job."""
    name = JobName("My_waves")
    with patch.dict(sys.modules):
        section = problem_settings(name.problem)
        own = {module: section.model_copy(update={"problem": f"{module}:Waves"}) for module in modules}
        lines = {module: said(lambda of=of: load_problem(job_of(name, of))) for module, of in own.items()}
        job = job_of(name, own["named"])
        lines["other code"] = said(lambda: load_problem({**job, "code": "0"}))
        lines["other processor"] = said(lambda: load_problem({**job, "cuda": not job["cuda"]}))
        Path("backbone.pt").write_bytes(b"")
        lines["other file"] = said(lambda: load_problem(job))
        Path("backbone.pt").unlink()
        lines["no file"] = said(lambda: job_of(name, own["named"]))
    return lines


def test_a_file_that_is_read_and_not_named_is_refused_by_name(repository, tmp_path, monkeypatch):
    project = waves_project(repository, tmp_path)
    (tmp_path / "waves.egg-info").mkdir()  # what an editable installation leaves, and libraries look for plugins in
    (tmp_path / "waves.egg-info" / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: waves\nVersion: 1\n")
    (tmp_path / "waves.egg-info" / "entry_points.txt").write_text("[of.ours]\na = waves:Waves\n")
    plugins = f"import importlib.metadata\nassert importlib.metadata.entry_points(group='of.ours')\n{MINE}"
    (tmp_path / "plugins.py").write_text(plugins)
    hook = "    @classmethod\n    def training_files(cls):\n        return [Path('backbone.pt')]\n\n    def network("
    (tmp_path / "named.py").write_text(waves("torch.load", "network").replace("    def network(", hook))
    (tmp_path / "early.py").write_text(f"from pathlib import Path\nPath('table.csv').read_text()\n{MINE}")
    made = {f"m{number}": (reader, place) for number, (reader, place) in enumerate(
        [*((reader, "constructor") for reader in READERS), ("torch.load", "network"), ("safetensors", "network"),
         ("safetensors", "single network")])}  # fmt: skip
    for module, (reader, place) in made.items():
        (tmp_path / f"{module}.py").write_text(waves(reader, place))
    (data := tmp_path / "data/My_waves").mkdir(parents=True)
    shutil.copy(tmp_path / "points.txt", data)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    lines = said_of(["waves", "plugins", "named", "early", *made])
    assert lines["waves"] is lines["plugins"] is lines["named"] is None
    for module, file in {"early": "table.csv", **{m: READERS[reader][0] for m, (reader, _) in made.items()}}.items():
        assert lines[module] == (
            f"{module}:Waves reads {file} and does not name it in training_files(): when it changed, nothing would be "
            "computed anew; name it there"
        )
    assert lines["other code"].startswith("named: found other source code than the run began with; ")
    assert lines["other file"] == "backbone.pt: found another content than the run began with; start the run again"
    assert "where the run began with" in lines["other processor"]
    assert lines["no file"] == "backbone.pt: no such file; named:Waves names it in training_files()"

    (tmp_path / "waves.py").write_text(MINE.replace("Path(source).read_text()", "Path('table.csv').read_text()"))
    done = project.run("rtl", "run", "partition", "My_waves")
    assert done.returncode == 1 and "waves:Waves reads table.csv and does not name it in source_files()" in done.stderr


def test_what_it_imports_and_what_it_is_trained_from_runs_steps_again_and_dvc_is_asked_to_watch_it(
    repository, tmp_path
):
    reading = waves("safetensors", "network").replace("width: int = 16", "width: int = 16, backbone: str = ''")
    project = waves_project(repository, tmp_path, training={"width": 8, "backbone": "backbone.safetensors"})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/problem.py").write_text(f"import helpers\n{reading}")
    (tmp_path / "helpers.py").write_text("")
    params = (tmp_path / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(params.replace("waves:Waves", "mine.problem:Waves"))
    stages = ["partition", "extract", "retrain", "baselines", "compare"]
    wanted = "partition@My_waves", "extract@My_waves"
    project.succeed("git", "init", "--quiet")
    done = project.run("dvc", "repro", *wanted)
    said = re.findall("^error: .*", done.stderr, re.MULTILINE)
    assert said == [
        "error: dvc.yaml: code: add `- helpers.py` and `- mine/problem.py` to deps; "
        f"partition: add `- points.txt` to deps; {', '.join(stages[1:])}: add `- backbone.safetensors` to deps: "
        "DVC would not see when it changes"
    ]
    assert done.returncode != 0 and not (tmp_path / "data").exists()

    written = yaml.safe_load((tmp_path / "dvc.yaml").read_text())
    written["stages"]["code"]["deps"] += ["helpers.py", "mine/problem.py"]
    for name in stages:
        written["stages"][name]["deps"] += ["points.txt"] if name == "partition" else ["backbone.safetensors"]
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(written))

    def ran(*command: str) -> tuple[list[str], list[str]]:
        """The stages that DVC ran, and the steps."""
        before = len(project.executed())
        stages = re.findall("Running stage '(.*)@My_waves'", project.succeed(*command))
        return stages, project.executed()[before:]

    stages, steps = ran("dvc", "repro", *wanted)
    everything = [name for name in steps if "partition" not in name]
    assert stages == ["code", "partition", "extract"] and len(everything) > 2
    assert ran("dvc", "repro", *wanted) == ([], []) == ran("rtl", "run", "extract", "My_waves")
    write_backbone(tmp_path, 0.0)
    stages, steps = ran("dvc", "repro", *wanted)
    assert stages == ["extract"] and sorted(steps) == sorted(everything)
    (tmp_path / "helpers.py").write_text("X = 1")
    stages, again = ran("dvc", "repro", *wanted)
    assert stages == ["code", "partition", "extract"]
    assert sorted(name for name in again if "partition" not in name) == sorted(everything)
