"""What every stage that trains does first: try each job, for seconds, so that hours are not lost."""

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from flows.steps import Step, for_each, run_steps
from tasks.check_job import check_job
from tasks.jobs.job import Job, with_one_network
from tasks.settings.methods import has_one_network
from tasks.settings.sections import ProblemSettings


def check_jobs(jobs: Sequence[Job], settings: ProblemSettings) -> None:
    """Check that jobs can be trained, repeated and scored; what was checked before is not checked again.

    What networks start from, where that is not all drawn, is printed.

    Raises:
        SettingsError: one cannot; the message says what to change.
    """
    lines = run_steps(for_each(jobs, partial(_checks, settings=settings)), "checks")
    for line in dict.fromkeys(lines.values()):
        if line:
            print(line, file=sys.stderr)


def _checks(job: Job, settings: ProblemSettings) -> dict[tuple[Any, ...], Step]:
    views = {"tickets": job, **({"one network": with_one_network(job)} if has_one_network(settings) else {})}
    return {("check", name): Step(partial(check_job.submit, view, settings.seeds[0])) for name, view in views.items()}
