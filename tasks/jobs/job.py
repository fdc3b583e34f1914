"""What a cached step must be told about the problem it works on, and how it gets the problem back."""

import json
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import Any, TypedDict

import torch

from rtl_core.construction import new_network
from rtl_core.errors import DataError
from rtl_core.one_network import as_one_network
from rtl_core.problem import Problem
from rtl_core.randomness import Stream
from rtl_core.valid_problem import check_problem
from tasks.artefacts import paths
from tasks.artefacts.digests import digest_of, file_digest
from tasks.artefacts.paths import JobName
from tasks.artefacts.store import STORE
from tasks.process.computing_time import spending
from tasks.process.cores import cores
from tasks.settings.problem_settings import problem_class
from tasks.sources.named_code import code_digest, named_modules
from tasks.sources.problem_files import digests_of, import_watched, made_of_named_files, training_sources

_loading = Lock()


class Job(TypedDict):
    """A problem, or one of its instances, and everything that decides how it behaves, as JSON.

    ``problem`` is a section of params.yaml, ``instance`` empty where the problem is the one job; ``one_network`` asks
    for the job as IMP single sees it, with K = 1. ``code`` is a digest of the source behind ``import_path``
    and what settings name, ``training`` the settings of its constructor, ``sources`` are the files that it reads beside
    its data, ``data`` the files of these, with their digests.
    """

    problem: str
    instance: str
    one_network: bool
    import_path: str
    code: str
    libraries: dict[str, str]
    cuda: bool
    training: dict[str, Any]
    sources: list[list[str]]
    data: dict[str, str]
    optimizer: dict[str, Any]


def name_of(job: Job) -> JobName:
    """What a job is called."""
    return JobName(job["problem"], job["instance"])


def with_one_network(job: Job) -> Job:
    """The same job as IMP single sees it."""
    return {**job, "one_network": True}


def load_problem(job: Job) -> Problem:
    """The problem of a job, with its data in memory; one copy is shared by all threads of a process.

    The calling thread computes on one core from then on: a result depends on the number of threads behind it.

    Raises:
        DataError: this process has other code, other files or another kind of processor than the job was made of, or
            the problem reads a file that it does not name.
    """
    torch.set_num_threads(1)
    with _loading, spending("loading"):
        _check_same(job)
        inputs = json.dumps([job["data"], job["sources"]])
        problem = _load(job["import_path"], json.dumps(job["training"]), str(_data_folder(job)), inputs)
    return as_one_network(problem) if job["one_network"] else problem


def stream_of(job: Job, seed: int) -> Stream:
    """The root of all random draws of one seed of a problem."""
    return Stream(seed).at(problem=str(name_of(job)))


def data_digest(jobs: Sequence[Job]) -> str:
    """One SHA-256 over all files of the partitioned data."""
    files = {str(Path(job["instance"], name)): digest for job in jobs for name, digest in job["data"].items()}
    return digest_of(files)


def _check_same(job: Job) -> None:
    """A process keeps the code that it imported first, and a worker elsewhere has files of its own."""
    cls = problem_class(job["import_path"])
    if code_digest(job["import_path"], job["training"]) != job["code"]:
        module = job["import_path"].partition(":")[0]
        raise DataError(
            f"{module}: found other source code than the run began with; start the run again, and its Dask workers "
            "if it has any"
        )
    present = digests_of(training_sources(cls, job["training"]))
    if differing := [name for name, digest in job["sources"] if [name, digest] not in present]:
        raise DataError(f"{differing[0]}: found another content than the run began with; start the run again")
    if (found := torch.cuda.is_available()) != job["cuda"] and job["training"].get("device") != "cpu":
        there, began = ("a CUDA device", "none") if found else ("no CUDA device", "one")
        raise DataError(f"training.device: found {there} where the run began with {began}; allowed: workers alike")


def _data_folder(job: Job) -> Path:
    """The published data or, on a worker that has none or others, what it takes from the store."""
    folder, files = paths.data(name_of(job)), job["data"]
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

    modules = named_modules(settings)
    for module in modules:
        with suppress(Exception):  # what is wrong with it, the problem tells
            import_watched(module)

    def load() -> Problem:
        problem = cls(Path(folder), **settings)  # type: ignore[call-arg]
        check_problem(problem)
        views = [problem]
        if cls.single_network is not Problem.single_network:
            views.append(as_one_network(problem))
        for view in views:
            with suppress(Exception):  # what is wrong with it, the check tells
                new_network(view, Stream(0))
        return problem

    named = partial(training_sources, cls, settings)
    return made_of_named_files(load, import_path, "training_files", named, Path(folder), modules)
