"""What ``rtl`` runs: a stage, or the whole chain; and what DVC needs to know of the code before it runs any."""

import gc
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, Literal

import typer

Stage = Literal["partition", "extract", "retrain", "baselines", "compare", "pipeline"]
Runner = Annotated[str, typer.Option(envvar="RTL_RUNNER", help="threads, dask, or the address of a Dask scheduler")]


def run(
    stage: Annotated[Stage, typer.Argument(help="pipeline is all of them, one after another", show_default=False)],
    problems: Annotated[
        list[str] | None,
        typer.Argument(help="sections of params.yaml, or a stage of DVC's for one \\[default: its list]"),
    ] = None,
    runner: Runner = "threads",
) -> None:
    """Run a stage, or the whole chain; steps whose results are kept are not computed again."""
    from tasks.settings.params_file import read_params

    read_params()
    run_stage(stage, problems or [], runner)


def run_stage(stage: Stage, problems: Sequence[str], *how: Any) -> None:
    """Run a stage, then end the process; ``how`` is what ``flows.start.run_and_exit`` is told besides."""
    from tasks.process.interruption import end_when_told
    from tasks.server.temporary_server import start_early

    end_when_told()
    start_early()  # the server can come up while the stage's imports take their seconds
    gc.disable()  # imports make a million lasting objects, which are set aside before it collects again
    from flows.start import run_and_exit

    run_and_exit(getattr(import_module(f"flows.{stage}"), stage), stage, problems, *how)


def code(
    problem: Annotated[
        str, typer.Argument(help="section of params.yaml, or DVC's stage for it (code@digits)", show_default=False)
    ],
) -> None:
    """List the code behind each stage of a problem, for DVC to see what has changed; check all that is set, first."""
    from tasks.jobs.dvc_deps import check_dvc_deps, check_watched_settings
    from tasks.jobs.stage_code import publish_code
    from tasks.settings.params_file import read_params
    from tasks.settings.problem_settings import problem_settings

    for each in read_params()["problems"]:
        check_watched_settings(each)
        problem_settings(each)
    name = problem.rpartition("@")[2]
    settings = problem_settings(name)
    check_dvc_deps(name, settings)
    publish_code(name, settings)
