"""The step that counts what an epoch of every ticket holds, and takes."""

from rtl_core.cost import epochs_of
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.process.computing_time import spending


@cached_task(name="costs of an epoch{view}")
def count_epochs(job: Job) -> list[list[float]]:
    """Batches, examples and multiply-adds of an epoch of each objective, in their order (``rtl_core.cost.Epoch``)."""
    problem = load_problem(job)
    with spending("training"):
        return [list(epoch) for epoch in epochs_of(problem, stream_of(job, 0))]
