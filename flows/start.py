"""How a flow is started from a shell: ``python -m flows.extract [PROBLEM ...]``."""

import errno
import gc
import os
import sys
from typing import Annotated, Any

import typer
from prefect import Flow
from prefect.settings import get_current_settings
from pydantic import TypeAdapter, ValidationError

from flows.parameters import Runner
from rtl_core.errors import RtlError, SettingsError, one_line
from tasks.finishing import all_runs_final
from tasks.params import read_params
from tasks.records import declare_records
from tasks.settings import problem_settings
from tasks.timing import record_stage

CURES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EROFS: "make it writable",
    errno.EACCES: "make it yours to read and write",
}
"""What helps where the file system refuses; all that was finished is kept."""


def start(flow: Flow[..., Any], stage: str) -> None:
    """Run a flow for the problems named on the command line, or else for those that params.yaml chooses.

    An error that the user can act on is one line and exit status 1.
    """

    def main(
        problems: Annotated[
            list[str] | None,
            typer.Argument(help="sections of params.yaml, or a stage of DVC's for one [default: its list]"),
        ] = None,
        runner: Annotated[
            str, typer.Option(envvar="RTL_RUNNER", help="threads, dask, or the address of a Dask scheduler")
        ] = "threads",
    ) -> None:
        chosen = [name.rpartition("@")[2] for name in problems or []] or read_params()["problems"]
        for problem in chosen:
            problem_settings(problem)
        told = {"runner": _checked(runner)} if "runner" in flow.parameters.properties else {}
        gc.freeze()
        gc.enable()
        with all_runs_final():
            declare_records()
            for problem in chosen:
                flow(problem, **told)
                record_stage(problem, stage)
        sys.stdout.flush()
        os._exit(0)  # all is written; taking the interpreter apart would cost each stage another second

    try:
        typer.run(main)
    except RtlError as problem:
        sys.exit(f"error: {problem}")
    except OSError as problem:
        if problem.errno not in CURES:
            raise
        where = one_line(f"{problem.filename}: ") if problem.filename else ""
        cure = f"{CURES[problem.errno]} and run the same command again: it goes on where it was"
        sys.exit(f"error: {where}{problem.strerror}; {cure}")


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
            "start one (make ui, or prefect server start) and set PREFECT_API_URL to its address"
        )
    return runner
