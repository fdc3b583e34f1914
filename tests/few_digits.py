"""A problem of a project's own: three of the ten digits, for what takes the longer the more subsets there are."""

from pathlib import Path
from typing import Any

import yaml
from made_once import made
from small_project import SMALL, Project

METHODS = ["imp_single", "imp_multiple", "random_masks"]
SETTINGS = {
    "sparsities": [0.4, 0.7],
    "retrain": {**SMALL["retrain"], "update": ["synchronous"]},
    "baselines": {**SMALL["baselines"], "methods": METHODS},
}
"""Two levels in three rounds, before the last of which networks are rewound."""
SOURCE = """
from rtl_core.problems.digits import Digits
from rtl_core.problems.images.stored_images import load_images, save_images


class Few(Digits):
    @classmethod
    def partition(cls, folder):
        super().partition(folder)
        stored = load_images(folder)
        splits = {name: part[(part.labels < 3).nonzero().squeeze(1)] for name, part in stored.splits.items()}
        save_images(folder, splits, stored.classes[:3])
"""


def few_digits(project: Project, section: dict[str, Any]) -> dict[str, Any]:
    """A section of digits as one of these, whose module is written into the project."""
    (project.folder / "few.py").write_text(SOURCE)
    return section | {"problem": "few:Few", "partition": {}}


def of_few_digits(project: Project) -> Project:
    """The project, whose section of digits now is one of these."""
    params = project.folder / "params.yaml"
    sections = yaml.safe_load(params.read_text())
    params.write_text(yaml.safe_dump(sections | {"digits": few_digits(project, sections["digits"])}, sort_keys=False))
    return project


def few_digits_project(repository: Path, folder: Path, **changes: object) -> Project:
    """A project of these in which nothing has run."""
    project = of_few_digits(Project.new(repository, folder, **SETTINGS | changes))
    stages = folder / "dvc.yaml"
    stages.write_text(stages.read_text().replace("deps:\n", "deps:\n      - few.py\n", 1))
    return project


def finished_few_digits(repository: Path, folder: Path) -> Project:
    """A copy of the one in which the pipeline has run once, start to end. All workers have the same."""
    finished = made("few-digits", lambda made_in: few_digits_project(repository, made_in).flow("pipeline"))
    return Project(finished).copied(folder)
