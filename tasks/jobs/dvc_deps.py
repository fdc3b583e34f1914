"""Whether DVC sees when something changes that a stage depends on: dvc.yaml lists it, file by file."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from rtl_core.errors import SettingsError
from rtl_core.problem import Problem
from tasks.settings.problem_settings import problem_class
from tasks.settings.sections import ProblemSettings
from tasks.sources.named_code import named_modules
from tasks.sources.problem_files import OURS, partition_sources, path_here, training_sources
from tasks.sources.source_digest import own_sources

DVC = Path("dvc.yaml")
PARTITION, COMPARE = "partition", "compare"
MOST_FILES = 3
"""That a message names one by one; of more it names the folder."""


class Stage(NamedTuple):
    """A stage of dvc.yaml that runs for a problem: its name there, which of the flows it runs, and its deps."""

    name: str
    flow: str
    deps: list[Path]


def check_dvc_deps(problem: str, settings: ProblemSettings) -> None:
    """Check, in a stage that DVC runs, that all that the problem depends on is among the deps of the stages.

    These are the own modules that its module reaches, and those that settings name; the files that it reads in training
    and, while its data are partitioned, those that it partitions, as far as they lie in the project.

    Raises:
        SettingsError: one is missing; the message has the lines to add.
    """
    run_by = os.environ.get("DVC_STAGE", "").rpartition(":")[2].partition("@")[0]
    if not run_by:
        return
    cls = problem_class(settings.problem)
    modules = own_modules(settings.problem.partition(":")[0])
    trained_on = trained_from(cls, settings)
    missing: dict[str, list[str]] = {}
    for stage in _stages(problem):
        read = [] if stage.flow == PARTITION else trained_on
        if stage.flow == COMPARE and settings.collapse.semantics:
            read = [*read, Path(settings.collapse.semantics)]
        if stage.flow == PARTITION and stage.name == run_by:
            read = partition_sources(cls, settings.partition)
        for line in [*_lines(modules, stage.deps), *_lines(read, stage.deps)]:
            missing.setdefault(line, []).append(stage.name)
    if missing:
        lines: dict[str, list[str]] = {}
        for line, names in missing.items():
            lines.setdefault(", ".join(names), []).append(f"`- {line}`")
        asked = "; ".join(f"{names}: add {' and '.join(added)} to deps" for names, added in lines.items())
        raise SettingsError(f"{DVC}: {asked}: DVC would not see when it changes")


def own_modules(module: str) -> list[Path]:
    """The files of a problem's module and of all that it imports from the project, without the method's."""
    files = own_sources(module)
    return [file for name, file in files.items() if name.partition(".")[0] not in OURS or name == module]


def trained_from(cls: type[Problem], settings: ProblemSettings) -> list[Path]:
    """The files that training reads beside the data, and the own modules that its settings name."""
    files: list[Path] = []
    for training in (settings.training, settings.for_retraining.training):
        files += training_sources(cls, training)
        files += [file for module in named_modules(training) for file in own_modules(module)]
    return files


def _lines(files: Iterable[Path], deps: Sequence[Path]) -> list[str]:
    """What deps lack so that they cover the files in the project: files, or the folder of many."""
    places = [Path(path_here(file)) for file in files if _is_here(file)]
    lacking = sorted({place for place in places if not any(place.is_relative_to(dep) for dep in deps)})
    if len(lacking) <= MOST_FILES:
        return [str(place) for place in lacking]
    folder = os.path.commonpath(lacking)
    return [folder] if folder else sorted({place.parts[0] for place in lacking})


def _is_here(file: Path) -> bool:
    return Path(os.path.abspath(file)).is_relative_to(Path.cwd())


def _stages(problem: str) -> Iterator[Stage]:
    try:
        written = YAML(typ="safe").load(DVC)["stages"]
        for name, stage in written.items():
            about = stage.get("do", stage)
            commands = str(about["cmd"])
            flow = re.search(r"\bflows\.(\w+)", commands)
            if flow and ("DVC_STAGE" in commands or problem in re.split(r"[\s\"'\[\],]+", commands)):
                yield Stage(name, flow[1], _deps(problem, about))
    except (OSError, YAMLError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"{DVC}: not readable as DVC's stages ({' '.join(str(error).split())[:200]})") from None


def _deps(problem: str, stage: Mapping[str, Any]) -> list[Path]:
    """Where a stage's deps lie, relative to the project's root."""
    written = [next(iter(dep)) if isinstance(dep, dict) else str(dep) for dep in stage.get("deps", [])]
    named = [re.sub(r"\$\{item(\.\w+)?\}", problem, dep) for dep in written]
    return [Path(os.path.normpath(Path(stage.get("wdir", "."), dep))) for dep in named]
