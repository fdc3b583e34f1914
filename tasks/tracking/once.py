"""How a comparison comes into MLflow once: whatever stopped an earlier run, and whether or not MLflow takes it now."""

import sqlite3
import sys
from collections.abc import Callable
from typing import TypeVar

from tasks.settings.small_run import ADVICE
from tasks.tracking.client import open_client, open_experiment
from tasks.tracking.comparison import IDENTITY_TAG
from tasks.tracking.reachable import why_refused

Result = TypeVar("Result")

NUMBERS_TAG = "rtl.numbers"
"""Of a run that holds all numbers of the comparison of this identity, and perhaps not yet its models and pages."""


def run_of(problem: str, identity: str, track: Callable[[], str]) -> str:
    """The run of a comparison: one that a process began to log, got as far as its models, and did not finish; or else
    what ``track`` logs.
    """
    client = open_client()
    begun = client.search_runs(
        [open_experiment(client, problem)], f"tags.`{NUMBERS_TAG}` = '{identity}' and attributes.status = 'FINISHED'"
    )
    for run in begun:
        if IDENTITY_TAG not in run.data.tags:
            return str(run.info.run_id)
    run_id = track()
    client.set_tag(run_id, NUMBERS_TAG, identity)
    return run_id


def unless_refused(problem: str, log: Callable[[], Result]) -> Result | None:
    """What ``log`` returns; None, and a line on stderr, where MLflow refuses: what is published does without it."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return log()
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as refused:
        tell_not_logged(problem, why_refused(refused))
        return None


def tell_not_logged(problem: str, why: str) -> None:
    """Say on stderr that MLflow does not have the last comparison, and how it gets it."""
    print(f"warning: {why}; then {lacking(problem)}", file=sys.stderr, flush=True)


def lacking(problem: str) -> str:
    """What gives MLflow the comparison that it does not have."""
    section, is_small, _ = problem.rpartition(ADVICE)
    return f"`rtl {f'advise {section}' if is_small else f'run compare {problem}'}` logs this comparison"
