"""How the modules of a user's project are imported, whatever they are called, and never in place of this program's."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

OURS = ("flows", "tasks", "rtl_core")
PLACE_OF_OURS = str(Path(__file__).parents[2])


class ProjectModules:
    """Finds what lies in the project's root (the current folder); but what is Python's own, or ours, where that lies.

    ``sys.path`` would not do: a process that a worker starts takes it over before it imports what is ours.
    """

    def __init__(self, are_folders: bool) -> None:
        self._root = str(Path.cwd())
        self._are_folders = are_folders

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As every finder of ``sys.meta_path`` has it."""
        if path is not None or name in sys.stdlib_module_names:
            return None
        if name in OURS:
            return PathFinder.find_spec(name, [PLACE_OF_OURS], target)
        spec = PathFinder.find_spec(name, [self._root], target)
        return spec if spec and (spec.loader is None) == self._are_folders else None


def find_project_modules() -> None:
    """From now on modules of the project come before those that were installed, and folders without ``__init__.py``
    behind them, as where Python looks into the current folder first.
    """
    sys.meta_path.insert(0, ProjectModules(are_folders=False))
    sys.meta_path.append(ProjectModules(are_folders=True))
