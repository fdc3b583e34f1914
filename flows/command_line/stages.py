"""What ``rtl`` runs: a stage, or the whole chain."""

import gc
from importlib import import_module
from typing import Annotated, Literal

import typer

Stage = Literal["partition", "extract", "retrain", "baselines", "compare", "pipeline"]


def run(
    stage: Annotated[Stage, typer.Argument(help="pipeline is all of them, one after another", show_default=False)],
    problems: Annotated[
        list[str] | None,
        typer.Argument(help="sections of params.yaml, or a stage of DVC's for one [default: its list]"),
    ] = None,
    runner: Annotated[
        str, typer.Option(envvar="RTL_RUNNER", help="threads, dask, or the address of a Dask scheduler")
    ] = "threads",
) -> None:
    """Run a stage, or the whole chain; steps whose results are kept are not computed again."""
    from tasks.process.interruption import end_when_told
    from tasks.server.temporary_server import start_early
    from tasks.settings.params_file import read_params

    read_params()
    end_when_told()
    start_early()  # the server can come up while the stage's imports take their seconds
    gc.disable()  # imports make a million lasting objects, which are set aside before it collects again
    from flows.start import run_and_exit

    run_and_exit(getattr(import_module(f"flows.{stage}"), stage), stage, problems or [], runner)
