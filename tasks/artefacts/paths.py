"""Where everything lies, relative to the project's root (the current folder): each path is one function."""

import os
from pathlib import Path
from typing import NamedTuple

PARAMS = Path("params.yaml")
STATE = Path(".rtl")


class JobName(NamedTuple):
    """What a job is called: a section of params.yaml and, where that holds several, an instance."""

    problem: str
    instance: str = ""

    def __str__(self) -> str:
        return f"{self.problem}/{self.instance}" if self.instance else self.problem


def shared_store() -> str:
    """A folder that several machines mount, or a URL that fsspec reaches: RTL_STORE, empty where there is none."""
    return os.environ.get("RTL_STORE", "")


def objects() -> str:
    """The content-addressed store: disposable; of this machine, unless it is shared."""
    return f"{shared_store() or STATE}/objects"


def fetched(digest: str) -> Path:
    """Data of this digest that a worker took from the store, having no published ones."""
    return STATE / "fetched" / digest


def checkpoints() -> Path:
    """Last states of long steps under way, by the key of the step."""
    return STATE / "checkpoints"


def fonts() -> Path:
    """The font that figures are set in, under a name of its own."""
    return STATE / "fonts"


def script(name: str) -> Path:
    """A script of pages that takes long to make."""
    return STATE / "scripts" / f"{name}.js"


def turn(name: str) -> Path:
    """What a run holds while no other may do the same in this folder; it holds its process id."""
    return STATE / "locks" / name


def timing(problem: str, stage: str) -> Path:
    """Where the last run of a stage spent its time."""
    return STATE / "timing" / problem / f"{stage}.json"


def training_times(problem: str, stage: str) -> Path:
    """How long the trainings of a stage took on the machines that they ran on."""
    return STATE / "training_times" / problem / f"{stage}.json"


def taken_up(problem: str, stage: str) -> Path:
    """The files, as they were, that the last run of a stage was made from."""
    return STATE / "taken_up" / problem / f"{stage}.json"


def made_with(problem: str, stage: str) -> Path:
    """What decided the files that the last run of a stage published."""
    return STATE / "made_with" / problem / f"{stage}.json"


def data(job: JobName) -> Path:
    """What the partition stage publishes: of a problem, or of one instance."""
    return Path("data", *job)


def code(problem: str, stage: str) -> Path:
    """Which code is behind a stage of a problem."""
    return artifacts(problem) / "code" / f"{stage}.txt"


def artifacts(problem: str) -> Path:
    """What all later stages publish: one folder for all instances of a problem."""
    return Path("artifacts") / problem


def tables(problem: str) -> Path:
    """The tables of a comparison, one file each."""
    return artifacts(problem) / "tables"


def plots(problem: str) -> Path:
    """The tables that `dvc plots` draws."""
    return artifacts(problem) / "plots"


def metrics(problem: str) -> Path:
    """What `dvc metrics` shows."""
    return artifacts(problem) / "metrics.json"


def figures(problem: str) -> Path:
    """Pictures and sounds; those of an instance lie in a folder of its name."""
    return artifacts(problem) / "figures"


def masks(job: JobName, seed: int, sparsity: float, method: str = "rtl") -> Path:
    """The masks of one seed after one round: RTL's, or those of a control."""
    return _own(job, "masks") / method / f"seed-{seed}" / f"{level(sparsity)}.safetensors"


def epoch_masks(job: JobName, seed: int, epoch: int) -> Path:
    """The K masks that magnitude gave after some epochs of extraction, all at one sparsity."""
    return _own(job, "masks") / "epochs" / f"seed-{seed}" / f"epoch-{epoch}.safetensors"


def levels(job: JobName) -> Path:
    """Which sparsities extraction reached, and whether the alarm rang."""
    return _own(job, "masks") / "levels.json"


def start(job: JobName, seed: int) -> Path:
    """What the tickets of one seed are rewound to, where that is not θ₀."""
    return _own(job, "masks") / "start" / f"seed-{seed}.safetensors"


def tickets(job: JobName, method: str, seed: int, sparsity: float) -> Path:
    """The retrained tickets of RTL, under one of its updates."""
    return _own(job, "tickets") / method / f"seed-{seed}" / f"{level(sparsity)}.safetensors"


def baselines(job: JobName, method: str, seed: int, sparsity: float) -> Path:
    """The folder of a baseline's ticket files, one for each network that shares nothing with the others."""
    return _own(job, "baselines") / method / f"seed-{seed}" / level(sparsity)


def description(problem: str, digest: str) -> Path:
    """Which code, data, run and settings the tables of this digest came from."""
    return artifacts(problem) / "runs" / f"{digest}.json"


def report(job: JobName) -> Path:
    """The page of a comparison, or of one instance in it."""
    folder = artifacts(job.problem)
    return folder / "report" / f"{job.instance}.html" if job.instance else folder / "report.html"


def level(sparsity: float) -> str:
    """A sparsity level as people read it: 'sparsity-25' is a quarter of the weights at zero."""
    return f"sparsity-{100 * sparsity:g}"


def _own(job: JobName, kind: str) -> Path:
    """The folder of what is published of one kind; inside it, each instance has one of its name."""
    return artifacts(job.problem) / kind / job.instance
