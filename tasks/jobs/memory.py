"""Whether there is memory for what a stage trains."""

from collections.abc import Sequence

from rtl_core.errors import SettingsError
from rtl_core.memory import available_memory
from tasks.artefacts import paths
from tasks.jobs.job import Job, name_of
from tasks.process.cores import cores
from tasks.settings.problem_settings import problem_class

WORTH_TELLING = 1 << 30


def memory_line(jobs: Sequence[Job]) -> str:
    """What the jobs' trainings take up on this machine, where that is a GiB and more, and how many fit side by side
    where not one on each core does; empty where it is less, or not known.

    Raises:
        SettingsError: one training takes up more than there is.
    """
    known = {}
    for job in jobs:
        name = name_of(job)
        memory = problem_class(job["import_path"]).memory_of_training(paths.data(name), **job["training"])
        if memory is not None:
            known[str(name)] = memory
    if not known:
        return ""
    there = available_memory()
    largest = max(known, key=lambda name: (known[name].of(1) > there, known[name].of(cores())))
    memory = known[largest]
    line = (
        f"{largest}: training takes up to {_gib(memory.of(cores()))} of memory, {cores()} side by side "
        f"({_gib(memory.of(1))} for one); there are {_gib(there)}"
    )
    if memory.of(1) > there:
        raise SettingsError(f"{line}; allowed: a smaller {memory.grows_with}")
    if memory.of(cores()) > there:
        fit = (there - memory.shared) // memory.each
        return f"{line}, which hold {fit} side by side; use fewer cores (taskset -c 0-{fit - 1} rtl run …)"
    return line if memory.of(cores()) >= WORTH_TELLING else ""


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"
