"""What the jobs of a problem are, as its data and its settings lie there now."""

import unicodedata
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch

from rtl_core.distinct_names import FILES, distinct_names
from rtl_core.errors import DataError
from rtl_core.folder_contents import entries_below
from tasks.artefacts import paths
from tasks.artefacts.digests import file_digest
from tasks.artefacts.paths import JobName
from tasks.artefacts.store import STORE
from tasks.jobs.job import Job
from tasks.settings.problem_settings import problem_class
from tasks.settings.sections import ProblemSettings
from tasks.sources.named_code import code_digest
from tasks.sources.problem_files import digests_of, training_sources

LIBRARIES = (
    "numpy", "pystoi", "scikit-learn", "scipy", "timm", "torch", "torchaudio", "torchmetrics", "torchvision",
)  # fmt: skip
"""What numbers come from besides our code and the problem's: with other versions, steps run again."""


def jobs_of(problem: str, settings: ProblemSettings) -> list[Job]:
    """One job for each instance of a problem, or the problem as the one job.

    Raises:
        DataError: the partition stage has not published the data, or two instances cannot be told apart by name.
    """
    folder = paths.data(JobName(problem))
    names = list(problem_class(settings.problem).instances(folder)) if folder.is_dir() else []
    written = [unicodedata.normalize("NFC", name) for name in names]
    for name in written:
        spaceless = name.replace(" ", "_")
        allowed = distinct_names([spaceless], FILES)[spaceless] == spaceless and name == name.strip()
        if not allowed or written.count(name) > 1:
            raise DataError(
                f"{folder}: instance {name!r}; allowed: names that differ, of letters, digits, '_', '-', '.' and "
                f"spaces, up to {FILES.most} bytes, that any system takes for a file"
            )
    return [job_of(JobName(problem, name), settings) for name in names or [""]]


def job_of(name: JobName, settings: ProblemSettings) -> Job:
    """Everything that decides how a problem, or one instance, behaves: class, its source code, its settings, its data,
    and what else it reads.

    Raises:
        DataError: the partition stage has not published its data, or a file that the class names is not there.
    """
    folder = paths.data(name)
    files = sorted(path for path in entries_below(folder) if path.is_file())
    if not files:
        raise DataError(f"{folder}: no data; run the partition stage first (rtl run partition {name.problem})")
    return {
        "problem": name.problem,
        "instance": name.instance,
        "one_network": False,
        "import_path": settings.problem,
        "code": code_digest(settings.problem, settings.training),
        "libraries": _versions(),
        "cuda": torch.cuda.is_available(),
        "training": settings.training,
        "sources": digests_of(training_sources(problem_class(settings.problem), settings.training)),
        "data": {str(file.relative_to(folder)): _digest(file) for file in files},
        "optimizer": settings.optimizer.model_dump(),
    }


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in LIBRARIES}


def _digest(file: Path) -> str:
    """The digest of a published file; where machines share a store, they find it there."""
    return STORE.put_file(file) if paths.shared_store() else file_digest(file)
