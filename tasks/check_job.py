"""The step that tries a problem before hours of training go into it."""

from rtl_core.checks import problem_failures
from rtl_core.errors import SettingsError
from rtl_core.isolation import OptimizerChoice
from rtl_core.microbatches import cut_failures
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job, load_problem, name_of, stream_of
from tasks.jobs.starting_point import check_same_weights


@cached_task(name="check{view}, seed {seed}")
def check_job(job: Job, seed: int, cut: bool = False, across: str = "") -> str:
    """Take a step of every objective, score untrained networks once, and keep nothing of it; what networks start from,
    where that is not all drawn.

    Args:
        job: to be tried.
        seed: of the networks and of the order of examples.
        cut: whether batches have to be cut into microbatches.
        across: a method that takes masks of the tickets to the one network, or the other way; empty if there is none.

    Raises:
        SettingsError: something is to be changed first; the message is the first failure.
    """
    problem = load_problem(job)
    failures = list(problem_failures(problem, OptimizerChoice(**job["optimizer"]), stream_of(job, seed)))
    if cut and not failures:
        failures = list(cut_failures(problem.objectives, stream_of(job, seed)))
    if failures:
        more = f" (and {len(failures) - 1} more: rtl check {job['problem']})" if len(failures) > 1 else ""
        raise SettingsError(f"{name_of(job)}: {failures[0]}{more}")
    if across:
        check_same_weights(job, across)
    return problem.starts_from
