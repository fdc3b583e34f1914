"""Whether what a problem's tables were made from has changed since: DVC does not watch files outside the project."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from rtl_core.errors import DataError
from tasks.artefacts import paths
from tasks.artefacts.digests import file_digest
from tasks.artefacts.whole_file import write_atomically
from tasks.jobs.dvc_deps import CODE, COMPARE, PARTITION, trained_from
from tasks.jobs.stage_code import own_modules, stage_code
from tasks.settings.problem_settings import problem_class, problem_settings
from tasks.settings.sections import ProblemSettings
from tasks.sources.problem_files import partition_sources, path_here
from tasks.sources.project_modules import OURS

MOST_NAMED = 3


def record_taken_up(problem: str, stage: str, settings: ProblemSettings) -> None:
    """Keep which files a stage took up, with what tells whether they have changed, and when their folders did."""
    files = [path for path in _files(stage, settings) if path.is_file()]
    known = {str(path): [*_stamp(path), file_digest(path)] for path in files}
    folders = {str(path.parent): path.parent.stat().st_mtime_ns for path in files if stage == PARTITION}
    write_atomically(paths.taken_up(problem, stage), json.dumps({"files": known, "folders": folders}).encode())


def changed_since(problem: str) -> str | None:
    """One line on the files that have changed since the stages took them up; None where none has.

    A file is read again only where its size or time differs. One that is not there cannot be taken up, and says
    nothing.
    """
    changed: dict[str, list[Path]] = {}
    for record in sorted(paths.taken_up(problem, "").parent.glob("*.json")):
        known = json.loads(record.read_bytes())
        changed[record.stem] = [Path(name) for name, about in known["files"].items() if _differs(Path(name), *about)]
        if any(_touched(Path(name), time) for name, time in known["folders"].items()):
            changed[record.stem] += _come_or_gone(problem, known["files"])
    every = list(dict.fromkeys(path for paths_of_stage in changed.values() for path in paths_of_stage))
    if not every:
        return _installed_since(problem)
    names = [path_here(path) for path in every]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    cures = [f"`rtl run pipeline {problem}`"]
    if all(path.is_relative_to(Path.cwd()) for path in every):
        cures.insert(0, "`dvc repro`")
    elif not any(paths_of_stage for stage, paths_of_stage in changed.items() if stage != PARTITION):
        cures.insert(0, f"`dvc repro -f {PARTITION}@{problem}`")
    what = f"{', '.join(names[:MOST_NAMED])}{more}"
    return f"{problem}: {what} changed since these tables were made; {' or '.join(cures)} takes it up"


def _installed_since(problem: str) -> str | None:
    """One line where the method, installed and so not watched by DVC, is another than that of the tables."""
    listed = paths.code(problem, COMPARE)
    if not listed.is_file() or Path(__file__).is_relative_to(Path.cwd()):
        return None
    other = {*listed.read_text().splitlines()} ^ {*stage_code(COMPARE, problem_settings(problem)).splitlines()}
    names = sorted({line.partition("  ")[2] or line for line in other})
    if not any(name.startswith(OURS) for name in names):
        return None
    again = f"`dvc repro -f {CODE}@{problem}` and `dvc repro`, or `rtl run pipeline {problem}`, take it up"
    return f"{problem}: {names[0]} was another when these tables were made, as before an upgrade; {again}"


def _files(stage: str, settings: ProblemSettings) -> list[Path]:
    cls = problem_class(settings.problem)
    if stage == PARTITION:
        read = partition_sources(cls, settings.partition)
    else:
        read = [*trained_from(cls, settings), *own_modules(settings)]
    return [Path(os.path.abspath(path)) for path in dict.fromkeys(read)]


def _come_or_gone(problem: str, known: Mapping[str, object]) -> list[Path]:
    try:
        present = {str(path) for path in _files(PARTITION, problem_settings(problem))}
    except DataError:
        return []
    return [Path(name) for name in sorted(present ^ {*known})]


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _differs(path: Path, size: int, time: int, digest: str) -> bool:
    return path.is_file() and _stamp(path) != (size, time) and file_digest(path) != digest


def _touched(folder: Path, time: int) -> bool:
    return folder.is_dir() and folder.stat().st_mtime_ns != time
