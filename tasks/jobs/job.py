"""What a cached step must be told about the problem it works on, and how it gets the problem back."""

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from prefect.context import FlowRunContext

from rtl_core.construction import new_network
from rtl_core.distinct_names import FILES, distinct_names
from rtl_core.errors import DataError
from rtl_core.folder_contents import entries_below
from rtl_core.problem import Problem, check_problem
from rtl_core.randomness import Stream
from tasks.artefacts import paths
from tasks.artefacts.store import STORE
from tasks.artefacts.whole_file import file_digest
from tasks.caching.cached_task import source_digest
from tasks.jobs.taken_up import record_taken_up
from tasks.process.cores import cores
from tasks.settings.problem_settings import problem_class
from tasks.settings.sections import ProblemSettings
from tasks.sources.problem_files import digests_of, made_of_named_files, training_sources

Job = dict[str, Any]
_loading = Lock()


def jobs_of(problem: str, settings: ProblemSettings) -> list[Job]:
    """One job for each instance of a problem, named ``<problem>/<instance>``; or the problem as the one job.

    The stage that asks, if a flow does, takes up what the problem reads, as it is now.

    Raises:
        DataError: the partition stage has not published the data, or two instances cannot be told apart by name.
    """
    folder = paths.data(problem)
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
    if run := FlowRunContext.get():
        record_taken_up(problem, run.flow.name, settings)
    return [job_of(f"{problem}/{name}", settings) for name in names] or [job_of(problem, settings)]


def job_of(name: str, settings: ProblemSettings) -> Job:
    """Everything that decides how a problem, or one instance, behaves: class, its source code, its settings, its data,
    and what else it reads.

    Raises:
        DataError: the partition stage has not published its data, or a file that the class names is not there.
    """
    folder = paths.data(name)
    files = sorted(path for path in entries_below(folder) if path.is_file())
    if not files:
        problem = name.partition("/")[0]
        raise DataError(f"{folder}: no data; run the partition stage first (python -m flows.partition {problem})")
    return {
        "name": name,
        "problem": settings.problem,
        "code": source_digest(settings.problem.partition(":")[0]),
        "torch": torch.__version__,
        "cuda": torch.cuda.is_available(),
        "training": settings.training,
        "sources": digests_of(training_sources(problem_class(settings.problem), settings.training)),
        "data": {"folder": str(folder), "files": {str(f.relative_to(folder)): _digest(f) for f in files}},
        "optimizer": settings.optimizer.model_dump(),
    }


def _digest(file: Path) -> str:
    """The digest of a published file; where machines share a store, they find it there."""
    return STORE.put_file(file) if paths.shared_store() else file_digest(file)


def load_problem(job: Job) -> Problem:
    """The problem of a job, with its data in memory; one copy is shared by all threads of a process.

    The calling thread computes on one core from then on: a result depends on the number of threads behind it.

    Raises:
        DataError: this process has other code or other files than the job was made of, or the problem reads a file that
            it does not name.
    """
    torch.set_num_threads(1)
    with _loading:
        _check_same(job)
        inputs = json.dumps([job["data"], job["sources"]])
        return _load(job["problem"], json.dumps(job["training"]), str(_data_folder(job)), inputs)


def _check_same(job: Job) -> None:
    """A process keeps the code that it imported first, and a worker elsewhere has files of its own."""
    module = job["problem"].partition(":")[0]
    cls = problem_class(job["problem"])
    if source_digest(module) != job["code"]:
        raise DataError(
            f"{module}: found other source code than the run began with; start the run again, and its Dask workers "
            "if it has any"
        )
    found = digests_of(training_sources(cls, job["training"]))
    if differing := [name for name, digest in job["sources"] if [name, digest] not in found]:
        raise DataError(f"{differing[0]}: found another content than the run began with; start the run again")


def _data_folder(job: Job) -> Path:
    """The published data or, on a worker that has none or others, what it takes from the store."""
    folder, files = Path(job["data"]["folder"]), job["data"]["files"]
    if all((folder / name).is_file() and file_digest(folder / name) == files[name] for name in files):
        return folder
    fetched = paths.fetched(digest_of(files))
    for name, digest in files.items():
        if not (fetched / name).is_file():
            STORE.copy(digest, fetched / name)
    return fetched


@lru_cache(maxsize=max(2, cores()))  # steps of as many instances may be under way
def _load(import_path: str, training: str, folder: str, _digests: str) -> Problem:
    cls, settings = problem_class(import_path), json.loads(training)

    def load() -> Problem:
        problem = cls(Path(folder), **settings)  # type: ignore[call-arg]
        check_problem(problem)
        for single in [False, *([True] if cls.single_network is not Problem.single_network else [])]:
            with suppress(Exception):  # what is wrong with it, the check tells
                new_network(problem, Stream(0), single)
        return problem

    named = partial(training_sources, cls, settings)
    return made_of_named_files(load, import_path, "training_files", named, Path(folder))


def instance_of(job: Job) -> str:
    """The name of a job's instance; empty where the problem is the one job."""
    return str(job["name"].partition("/")[2])


def data_digest(jobs: Sequence[Job]) -> str:
    """One SHA-256 over all files of the partitioned data."""
    files = [(Path(instance_of(job), name), digest) for job in jobs for name, digest in job["data"]["files"].items()]
    return digest_of({str(path): digest for path, digest in files})


def digest_of(value: Any) -> str:
    """SHA-256, in hexadecimal, of anything that JSON holds."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def stream_of(job: Job, seed: int) -> Stream:
    """The root of all random draws of one seed of a problem."""
    return Stream(seed).at(problem=job["name"])
