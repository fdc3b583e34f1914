"""A problem of a project's own: three of the ten digits, for what takes the longer the more subsets there are."""

from typing import Any

import yaml
from small_project import Project

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
    return {**section, "problem": "few:Few", "partition": {}}


def of_few_digits(project: Project) -> Project:
    """The project, whose section of digits now is one of these."""
    params = project.folder / "params.yaml"
    sections = yaml.safe_load(params.read_text())
    params.write_text(yaml.safe_dump(sections | {"digits": few_digits(project, sections["digits"])}, sort_keys=False))
    return project
