"""The step that tries a problem before hours of training go into it."""

from rtl_core.checks import problem_failures
from rtl_core.errors import SettingsError
from rtl_core.isolation import OptimizerChoice
from rtl_core.method_checks import method_failures
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job, load_problem, name_of, stream_of


@cached_task(name="check{view}, seed {seed}")
def check_job(job: Job, seed: int, cut: bool, across: list[str]) -> str:
    """Take a step of every objective, score untrained networks once, and keep nothing of it; what networks start from,
    where that is not all drawn.

    Args:
        job: to be tried.
        seed: of the networks and of the order of examples.
        cut: whether batches have to be cut into microbatches.
        across: the methods that take masks of the tickets to the one network, or its mask to tickets.

    Raises:
        SettingsError: something is to be changed first; the message is the first failure.
    """
    problem = load_problem(job)
    stream = stream_of(job, seed)
    failures = list(problem_failures(problem, OptimizerChoice(**job["optimizer"]), stream))
    failures = failures or list(method_failures(problem, stream, cut, across))
    if failures:
        more = f" (and {len(failures) - 1} more: rtl check {job['problem']})" if len(failures) > 1 else ""
        raise SettingsError(f"{name_of(job)}: {failures[0]}{more}")
    return problem.starts_from
