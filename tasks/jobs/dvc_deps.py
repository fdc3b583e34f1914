"""Whether DVC sees when something changes that a stage depends on: lists of code, and files by name."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from rtl_core.errors import SettingsError
from rtl_core.problem import Problem
from tasks.artefacts import paths
from tasks.jobs.stage_code import own_modules, stage_code, stage_files
from tasks.settings.params_file import read_params, section
from tasks.settings.problem_settings import problem_class
from tasks.settings.sections import ProblemSettings
from tasks.sources.problem_files import partition_sources, path_here, training_sources

DVC = Path("dvc.yaml")
CODE, PARTITION, COMPARE = "code", "partition", "compare"
MOST_FILES = 3
"""That a message names one by one; of more it names the folder."""


class Stage(NamedTuple):
    """A stage of dvc.yaml that runs for a problem: its name there, the flow that it runs (or ``code``), its deps, and
    the settings in params.yaml that it watches, as ``digits.training``.
    """

    name: str
    flow: str
    deps: list[Path]
    settings: list[str]


def check_dvc_deps(problem: str, settings: ProblemSettings) -> None:
    """Check, in a stage that DVC runs, that all that the problem depends on is among the deps of the stages.

    These are, of the stage that lists the code, the problem's own modules and those that its settings name; of all
    others that list; and the files that are read in training and, while data are partitioned, those partitioned; as far
    as they lie in the project.

    Raises:
        SettingsError: one is missing (the message has the lines to add), or the code is not that which is listed.
    """
    run_by = os.environ.get("DVC_STAGE", "").rpartition(":")[2].partition("@")[0]
    if not run_by:
        return
    check_watched_settings(problem)
    cls = problem_class(settings.problem)
    trained_on = trained_from(cls, settings)
    missing: dict[str, list[str]] = {}
    stages = list(_stages(problem))
    for stage in stages:
        if stage.flow == CODE:
            needed = own_modules(settings)
        elif stage.flow == PARTITION:
            needed = partition_sources(cls, settings.partition) if run_by in (stage.name, CODE) else []
        else:
            semantics = stage.flow == COMPARE and settings.collapse.semantics
            needed = [*trained_on, *([Path(semantics)] if semantics else [])]
        if stage.flow != CODE:
            ours = {*map(os.path.abspath, stage_files(stage.flow, settings).values())}
            needed = [paths.code(problem, stage.flow), *(file for file in needed if os.path.abspath(file) not in ours)]
        for line in _lines(needed, stage.deps):
            missing.setdefault(line, []).append(stage.name)
    if missing:
        lines: dict[str, list[str]] = {}
        for line, names in missing.items():
            lines.setdefault(", ".join(names), []).append(f"`- {line}`")
        asked = "; ".join(f"{names}: add {' and '.join(added)} to deps" for names, added in lines.items())
        raise SettingsError(f"{DVC}: {asked}: DVC would not see when it changes")
    for stage in stages:
        if stage.name == run_by and stage.flow != CODE:
            _check_listed(problem, stage.flow, settings)


def _check_listed(problem: str, flow: str, settings: ProblemSettings) -> None:
    path = paths.code(problem, flow)
    if path.read_text() != stage_code(flow, settings):
        raise SettingsError(
            f"{path}: found the list of other code than runs here, as after an upgrade; "
            f"`dvc repro -f {CODE}@{problem}` and `dvc repro` take it up"
        )


def trained_from(cls: type[Problem], settings: ProblemSettings) -> list[Path]:
    """The files that training reads beside the data."""
    return [file for training in settings.trainings for file in training_sources(cls, training)]


def check_watched_settings(problem: str) -> None:
    """Check that the section of a problem has every key that dvc.yaml watches: DVC tells only once a stage has run.

    Raises:
        SettingsError: keys are missing; the message names them.
    """
    written = {problem: section(read_params(), problem)}
    watched = dict.fromkeys(key for stage in _stages(problem) for key in stage.settings)
    lacking = [key for key in watched if not _stands(written, key.split("."))]
    if lacking:
        whole = [key for key in lacking if key.rpartition(".")[0] not in lacking]
        raise SettingsError(
            f"{paths.PARAMS}: found no {', '.join(whole)}, which {DVC} watches; write it out (`collapse: {{}}` "
            "leaves all of it as it is by default)"
        )


def _stands(written: Any, keys: Sequence[str]) -> bool:
    for key in keys:
        if not isinstance(written, dict) or key not in written:
            return False
        written = written[key]
    return True


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
            flow = re.search(rf"\brtl (?:run (\w+)|{CODE})\b", commands)
            if flow and ("DVC_STAGE" in commands or problem in re.split(r"[\s\"'\[\],]+", commands)):
                settings = [_named(problem, key) for key in about.get("params", []) if isinstance(key, str)]
                yield Stage(name, flow[1] or CODE, _deps(problem, about), settings)
    except (OSError, YAMLError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"{DVC}: not readable as DVC's stages ({' '.join(str(error).split())[:200]})") from None


def _deps(problem: str, stage: Mapping[str, Any]) -> list[Path]:
    """Where a stage's deps lie, relative to the project's root."""
    written = [next(iter(dep)) if isinstance(dep, dict) else str(dep) for dep in stage.get("deps", [])]
    return [Path(os.path.normpath(Path(stage.get("wdir", "."), _named(problem, dep)))) for dep in written]


def _named(problem: str, templated: str) -> str:
    return re.sub(r"\$\{item(\.\w+)?\}", problem, templated)
