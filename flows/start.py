"""How a flow is started from a shell: ``python -m flows.extract [PROBLEM ...]``."""

import gc
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from rtl_core.errors import RtlError
from tasks.finishing import all_runs_final
from tasks.params import read_params
from tasks.settings import problem_settings
from tasks.timing import record_stage


def start(flow: Callable[[str], None], stage: str) -> None:
    """Run a flow for the problems named on the command line, or else for those that params.yaml chooses.

    An error that the user can act on is one line and exit status 1.
    """

    def main(
        problems: Annotated[
            list[str] | None, typer.Argument(help="sections of params.yaml [default: its list]")
        ] = None,
    ) -> None:
        chosen = problems or read_params()["problems"]
        for problem in chosen:
            problem_settings(problem)
        gc.freeze()
        gc.enable()
        with all_runs_final():
            for problem in chosen:
                flow(problem)
                record_stage(problem, stage)
        sys.stdout.flush()
        os._exit(0)  # all is written; taking the interpreter apart would cost each stage another second

    try:
        typer.run(main)
    except RtlError as problem:
        sys.exit(f"error: {problem}")
