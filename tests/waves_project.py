"""A project with a user's own problem of two waves, in which the pipeline has run once: for what takes the longer the
more subsets there are, and for what a problem of one's own has.
"""

import shutil
from pathlib import Path

import yaml
from example_waves import MINE
from made_once import made
from small_project import ONE_LEVEL, Project

from tasks.artefacts import paths

NAME = "Waves"
TOLD = "told.txt"
"""What the pipeline printed, beside the project."""


def finished_waves(repository: Path, folder: Path) -> Project:
    """A copy at ``folder / "project"``, with the file that it reads beside it."""

    def make(folder: Path) -> None:
        project = Project.new(repository, folder / "project")
        (project.folder / "waves.py").write_text(MINE)
        (points := folder / "source/points.txt").parent.mkdir()
        points.write_text("32")
        digits = yaml.safe_load((project.folder / "params.yaml").read_text())["digits"]
        own = {
            "problem": "waves:Waves",
            "partition": {"source": "../source/points.txt"},
            "training": {"width": 8},
            "seeds": [3],
            "retrain": {"duration": "3it", "update": ["synchronous"]},
        }
        params = {"problems": [NAME], NAME: digits | ONE_LEVEL | own}
        (project.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        (folder / TOLD).write_text(project.succeed("rtl", "run", "pipeline", NAME))

    finished = made("waves", make)
    shutil.copytree(finished, folder, symlinks=True, dirs_exist_ok=True)
    for record in (folder / "project" / paths.taken_up(NAME, "")).parent.glob("*.json"):
        record.write_text(record.read_text().replace(str(finished), str(folder)))
    return Project(folder / "project")
