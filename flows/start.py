"""What a flow that a shell starts has around it: checked settings, a server, and an end in one line."""

import gc
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from prefect import Flow
from prefect.exceptions import TerminationSignal
from prefect.settings import get_current_settings
from pydantic import TypeAdapter, ValidationError

from flows.ending import show_end
from flows.parameters import AS_WRITTEN, Changes, Runner
from flows.stage_times import record_stage
from rtl_core.errors import RtlError, SettingsError, one_line
from tasks.caching.records import declare_records
from tasks.jobs.dvc_deps import check_dvc_deps
from tasks.process.interruption import end, leave_to_end
from tasks.process.outages import refusal
from tasks.server.run_session import all_runs_final
from tasks.settings.params_file import read_params
from tasks.settings.problem_settings import problem_settings

Shown = Callable[[str, str, float], None]
"""Prints what a flow came to: of a problem, a stage and the seconds that it took."""


def run_and_exit(
    flow: Flow[..., Any],
    stage: str,
    problems: Sequence[str],
    runner: str,
    changes: Changes = AS_WRITTEN,
    show: Shown = show_end,
) -> None:
    """Run a flow for the problems named, or else for those that params.yaml chooses; then end the process.

    An error that the user can act on is one line and exit status 1; so is an interruption, with a status of its own.

    Args:
        flow: it.
        stage: its name.
        problems: sections of params.yaml, or a stage of DVC's for one (``extract@digits``).
        runner: threads, dask, or the address of a Dask scheduler.
        changes: what the run does otherwise than params.yaml says.
        show: is told when the flow of a problem has ended.
    """
    try:
        chosen = [name.removeprefix(f"{stage}@") for name in problems] or read_params()["problems"]
        _run(flow, stage, chosen, runner, changes, show)
    except BaseException as problem:
        leave_to_end(isinstance(problem, TerminationSignal))
        if isinstance(problem, RtlError):
            raise
        if line := refusal(problem):
            end(1, f"error: {one_line(line)}")
        raise
    sys.stdout.flush()
    os._exit(0)  # all is written; taking the interpreter apart would cost each stage another second


def _run(flow: Flow[..., Any], stage: str, chosen: Sequence[str], runner: str, changes: Changes, show: Shown) -> None:
    for problem in chosen:
        check_dvc_deps(problem, problem_settings(problem, changes))
    told = {"runner": _checked(runner)} if "runner" in flow.parameters.properties else {}
    gc.freeze()
    gc.enable()
    with all_runs_final():
        declare_records()
        for problem in chosen:
            began = time.time()
            flow(problem, changes, **told)
            show(problem, stage, record_stage(problem, stage, began))


def _checked(runner: str) -> str:
    try:
        TypeAdapter(Runner).validate_python(runner)
    except ValidationError:
        raise SettingsError(
            f"--runner: found {runner!r}; allowed: threads, dask, or the address of a Dask scheduler (tcp://HOST:PORT)"
        ) from None
    if "://" in runner and get_current_settings().api.url is None:
        raise SettingsError(
            f"--runner: {runner} has workers that ask a Prefect server which outlives this run; "
            "start one (rtl ui, or prefect server start) and set PREFECT_API_URL to its address"
        )
    return runner
