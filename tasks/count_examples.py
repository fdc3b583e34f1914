"""The step that counts the training examples in an epoch of every ticket."""

from rtl_core.cost import epoch_of
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.process.computing_time import spending


@cached_task(name="examples of an epoch{view}")
def count_examples(job: Job) -> list[list[float]]:
    """Batches and examples of an epoch of each objective, in their order (``rtl_core.cost.Epoch``)."""
    problem, stream = load_problem(job), stream_of(job, 0).at(draw="examples of an epoch")
    with spending("loading"):
        return [list(epoch_of(objective, stream.generator())) for objective in problem.objectives]
