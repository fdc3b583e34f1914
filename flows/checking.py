"""What every stage that trains does first: try each job, for seconds, so that hours are not lost."""

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from flows.steps import Step, for_each, run_steps
from tasks.check_job import check_job
from tasks.jobs.job import Job, with_one_network
from tasks.jobs.memory import memory_line
from tasks.settings.methods import cuts_batches, has_one_network, methods_across
from tasks.settings.sections import ProblemSettings


def check_jobs(jobs: Sequence[Job], settings: ProblemSettings) -> None:
    """Check that jobs can be trained, repeated and scored; what was checked before is not checked again.

    The memory that they take, where it is much, and what networks start from, where that is not all drawn, are printed.

    Raises:
        SettingsError: one cannot, or not even by itself in the memory that there is; the message says what to change.
    """
    if line := memory_line(jobs):
        print(line, file=sys.stderr)
    lines = run_steps(for_each(jobs, partial(_checks, settings=settings)), "checks")
    for line in dict.fromkeys(lines.values()):
        if line:
            print(line, file=sys.stderr)


def _checks(job: Job, settings: ProblemSettings) -> dict[tuple[Any, ...], Step]:
    """The tickets come first: where both fail, it is always theirs that is told."""
    check = partial(check_job.submit, seed=settings.seeds[0])
    cut, across = cuts_batches(settings), methods_across(settings)
    steps: dict[tuple[Any, ...], Step] = {("check", "tickets"): Step(partial(check, job, cut=cut, across=across))}
    if has_one_network(settings):
        steps["check", "one network"] = Step(
            lambda _: check(with_one_network(job), cut=False, across=[]), (("check", "tickets"),)
        )
    return steps
