"""A project of one's own: begun by ``rtl new``, with the package installed and no checkout in sight."""

import re
import subprocess
import sys
import zipfile
from copy import copy
from pathlib import Path

import pytest
import yaml
from small_project import Project

RAN = "Running stage '(.*)@curves'"
STAGES = ["code", "partition", "extract", "retrain", "baselines", "compare"]
HIDING = "raise SystemExit('the module of the user in place of ours')"
FEW = {"seeds": [0], "sparsities": [0.5], "extract": {"duration": "2it", "weights_per_round": 0.5, "rewind_every": 1}}


class OwnProject(Project):
    """What ``rtl new demo`` leaves, seen by a machine that has the package and nothing else of ours."""

    def __init__(self, site: Path, folder: Path, *, git: bool) -> None:
        self.folder = folder
        self.environment = environment(site)
        if git:
            self.succeed("git", "init", "--quiet")
        told = self.succeed("rtl", "new", "demo")
        assert [path.name for path in folder.iterdir() if path.name != ".git"] == ["demo"]
        assert ("no git repository" in told) != git and told.endswith("demo: begun; next: `cd demo && dvc repro`\n")
        self.folder = folder / "demo"

    def repro(self, *targets: str) -> list[str]:
        """The stages that it ran."""
        return re.findall(RAN, self.succeed("dvc", "repro", *targets))


def environment(site: Path) -> dict[str, str]:
    prepared = copy(Project.__new__(Project))
    del prepared
    import os

    return {
        **{k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "MLFLOW_", "DVC_", "RTL_"))},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(site),
    }
