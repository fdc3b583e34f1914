"""A checkout of its own with small settings, in which the chain runs as users start it."""

import compileall
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from copy import copy
from pathlib import Path
from typing import Self

import yaml
from made_once import made, mlflow_tables, page_scripts, prefect_tables
from warm_start import warm

SMALL = {
    "seeds": [0, 1],
    "sparsities": [0.4, 0.8],
    "training": {"network": "small_cnn", "batch_size": 64, "device": "cpu"},
    "extract": {"duration": "2it", "weights_per_round": 0.4, "rewind_every": 2},
    "retrain": {"duration": "3it", "update": ["synchronous", "sequential"]},
    "baselines": {
        "methods": ["imp_single", "imp_multiple", "random_masks", "layer_shuffled_masks"],
        "single_duration_factor": 2,
    },
    "collapse": {"sparsities": []},
}
ONE_LEVEL = {
    "seeds": [0],
    "sparsities": [0.4],
    "baselines": {"methods": ["imp_single", "imp_multiple"], "single_duration_factor": 2},
}
"""What takes least and still has a method of each kind."""
CODE = [
    "flows",
    "tasks",
    "rtl_core",
    ".dvc/config",
    ".dvc/.gitignore",
    ".dvc/plots",
    "dvc.yaml",
    ".dvcignore",
    ".gitignore",
]


def compiled_code(repository: Path) -> Path:
    """The files of a checkout, compiled once: each command would do it anew where Python is told to write nothing."""

    def make(folder: Path) -> None:
        for name in CODE:
            source, target = repository / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
                compileall.compile_dir(target, quiet=2)
            else:
                shutil.copy(source, target)

    return made("code", make)


class Project:
    """A checkout of its own, with small settings, and how commands are run in it.

    They come from a process that has their imports, unless ``cold``.
    """

    cold = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "MLFLOW_", "DVC_"))},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(folder),
        }

    @classmethod
    def new(cls, repository: Path, folder: Path, **changes: object) -> Self:
        """One in which nothing has run; ``changes`` are made to its section of digits."""
        shutil.copytree(compiled_code(repository), folder, dirs_exist_ok=True)
        shutil.copytree(prefect_tables(), folder / ".rtl/prefect")
        shutil.copytree(page_scripts(), folder / ".rtl/scripts")
        shutil.copy(mlflow_tables(), folder)
        params = yaml.safe_load((repository / "params.yaml").read_text())
        params["problems"] = ["digits"]
        params["digits"] |= SMALL | changes
        (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        return cls(folder)

    def copied(self, folder: Path) -> Self:
        """The same project elsewhere, with all that came out; what MLflow keeps as files stays where it was."""
        shutil.copytree(self.folder, folder, symlinks=True, dirs_exist_ok=True)
        other = copy(self)
        other.folder, other.environment = folder, {**self.environment, "PYTHONPATH": str(folder)}
        return other

    def run(self, *command: str, **options) -> subprocess.CompletedProcess[str]:
        environment = self.environment if self.cold else warm(self.environment)
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, **options
        )

    def succeed(self, *command: str) -> str:
        done = self.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def flow(self, stage: str) -> None:
        self.succeed("rtl", "run", stage, "digits")

    def executed(self) -> list[str]:
        """Names of the steps that were not taken from the cache, oldest first."""
        with closing(sqlite3.connect(self.folder / ".rtl/prefect/prefect.db")) as database:
            query = (
                "select name from task_run where state_name = 'Completed' and flow_run_id is not null "
                "and id not in (select parent_task_run_id from flow_run where parent_task_run_id is not null) "
                "order by start_time"
            )
            return [name for (name,) in database.execute(query)]

    def logged(self) -> list[str]:
        """The runs of the methods and of what they belong to in MLflow."""
        with closing(sqlite3.connect(self.folder / "mlflow.db")) as database:
            return sorted(name for (name,) in database.execute("select run_uuid from runs"))

    def published(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for top in ("data", "artifacts")
            for path in sorted((self.folder / top).rglob("*"))
            if path.is_file() and path.name != "report.html" and path.parent.name != "runs"  # they name the run
        }
