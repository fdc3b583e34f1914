"""Whether what stages published was made with the settings of today, and from what stands before it today.

DVC sees to that; whoever starts stages one by one may have changed a setting in between.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rtl_core.errors import DataError
from tasks.artefacts import paths
from tasks.artefacts.digests import digest_of, file_digest
from tasks.artefacts.paths import JobName
from tasks.artefacts.publishing import publish_files
from tasks.artefacts.store import Reference
from tasks.artefacts.whole_file import write_atomically
from tasks.jobs.dvc_deps import PARTITION
from tasks.settings.params_file import shown
from tasks.settings.sections import ProblemSettings, flat_settings

TRAINED_WITH = ("problem", "training", "seeds", "sparsities", "optimizer")
DECIDED_BY = {
    PARTITION: ("problem", "partition"),
    "extract": (*TRAINED_WITH, "extract"),
    "retrain": (*TRAINED_WITH, "retrain", "collapse"),
    "baselines": (*TRAINED_WITH, "extract", "retrain", "baselines"),
}
"""The stages whose files others take up, in their order, and the settings that decide what each makes."""


class _Made(NamedTuple):
    settings: dict[str, str]
    files: dict[str, str]
    made_from: dict[str, str]


def publish_stage(problem: str, stage: str, settings: ProblemSettings, files: Mapping[Path, Reference]) -> None:
    """Publish what a stage made, and keep what decided it: its settings, and what lay before it."""
    publish_files(_folder(problem, stage), files)
    made = _Made(
        _deciding(stage, settings),
        {str(path): reference["sha256"] for path, reference in files.items()},
        {earlier: _content(before) for earlier, before in _made_before(problem, stage)},
    )
    write_atomically(paths.made_with(problem, stage), json.dumps(made._asdict()).encode())


def check_made_with(problem: str, settings: ProblemSettings, stage: str) -> None:
    """Check that what a stage takes up is what the stages before it would publish today.

    Where DVC runs the stage it has seen to that. Files that are not those published here, as those that DVC fetched,
    say nothing.

    Raises:
        DataError: they were made with other settings, or from files that have changed; the message names one.
    """
    if os.environ.get("DVC_STAGE"):
        return
    content: dict[str, str] = {}
    for earlier, made in _made_before(problem, stage):
        again = f"`rtl run {earlier} {problem}` makes it anew; so does `dvc repro`"
        place, now = _folder(problem, earlier), _deciding(earlier, settings)
        for key in sorted({*made.settings, *now}):
            if made.settings.get(key) != now.get(key):
                was, is_now = (shown(either.get(key, "nothing")) for either in (made.settings, now))
                raise DataError(f"{place}: made with {problem}.{key} {was}, which is {is_now} now; {again}")
        for before, digest in made.made_from.items():
            if content.get(before, digest) != digest:
                raise DataError(f"{place}: made from other files than {_folder(problem, before)} holds now; {again}")
        content[earlier] = _content(made)


def is_partitioned(problem: str, settings: ProblemSettings) -> bool:
    """Whether data are published, and none that other settings made."""
    if not _folder(problem, PARTITION).exists():
        return False
    return all(made.settings == _deciding(stage, settings) for stage, made in _made_before(problem, "extract"))


def _made_before(problem: str, stage: str) -> Iterator[tuple[str, _Made]]:
    """The stages before one, of which what they published here is there, and how it was made."""
    for earlier in DECIDED_BY:
        if earlier == stage:
            return
        record = paths.made_with(problem, earlier)
        if record.is_file():
            made = _Made(**json.loads(record.read_bytes()))
            if all(Path(path).is_file() and file_digest(Path(path)) == sha for path, sha in made.files.items()):
                yield earlier, made


def _content(made: _Made) -> str:
    return digest_of(made.files)


def _deciding(stage: str, settings: ProblemSettings) -> dict[str, str]:
    values: dict[str, Any] = settings.model_dump()
    return flat_settings({name: values[name] for name in DECIDED_BY[stage]})


def _folder(problem: str, stage: str) -> Path:
    if stage == PARTITION:
        return paths.data(JobName(problem))
    return paths.artifacts(problem) / {"extract": "masks", "retrain": "tickets"}.get(stage, stage)
