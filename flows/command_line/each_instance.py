"""The instances of a problem that a command works on, whether or not its data are published."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtl_core.problem import Problem
    from tasks.settings.sections import ProblemSettings


@contextmanager
def each_instance(problem: str, settings: "ProblemSettings") -> Iterator[Iterator[tuple[str, "Problem"]]]:
    """Each instance of a problem with its name, or the one job with none: on published data; where there are none, or
    other settings made them, on data partitioned for this once, which are there until the end of the block.
    """
    from tasks.artefacts import paths
    from tasks.artefacts.paths import JobName
    from tasks.jobs.made_with import is_partitioned
    from tasks.settings.problem_settings import problem_class

    cls = problem_class(settings.problem)
    with TemporaryDirectory() as scratch:
        folder = paths.data(JobName(problem))
        if not is_partitioned(problem, settings):
            folder = Path(scratch)
            cls.partition(folder, **settings.partition)
        yield ((name, cls(folder / name, **settings.training)) for name in cls.instances(folder) or [""])  # type: ignore[call-arg]
