"""How ``rtl`` measures: training and scoring of a problem, or inference with a ticket file."""

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.command_line.each_instance import each_instance
from flows.command_line.profile import show_profile
from flows.command_line.ticket_files import Allowed, tickets_in
from rtl_core.errors import SettingsError

GROWTH = [2, 5, 10, 20, 50]
"""For how many tickets it is measured how the cost of each grows."""


def bench(
    problem: Annotated[
        str | None, typer.Argument(help="a section of params.yaml, to train and score", show_default=False)
    ] = None,
    inference: Annotated[
        Path | None, typer.Option(help="ticket file, to predict with, in place of a problem", show_default=False)
    ] = None,
    profile: Annotated[bool, typer.Option("--profile", help="where the seconds of each stage's last run went")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
    allow: Allowed = None,
) -> None:
    """Measure training and scoring against the plain way of doing each, on all cores (minutes for a large network).

    With --inference: predictions and a change of context, on one core, with a ticket file and with other ways.
    """
    if (problem is None) == (inference is None):
        found = "neither" if problem is None else "both"
        raise SettingsError(f"bench: found {found}; allowed: a section of params.yaml, or --inference TICKETS")
    if inference is not None:
        if profile:
            raise SettingsError("--profile: found it with --inference; allowed: with a section of params.yaml")
        _measure_inference(inference, allow or [], as_json)
    elif allow:
        raise SettingsError("--allow: found it with a problem; allowed: with --inference TICKETS")
    elif problem is not None:
        show_profile(problem, as_json) if profile else _measure_training(problem, as_json)


def _measure_inference(path: Path, allow: list[str], as_json: bool) -> None:
    from rich.console import Console

    from flows.command_line.inference_table import show_inference
    from rtl_core.inference_benchmark import inference_benchmark

    tickets = tickets_in(path, allow)
    with Console(stderr=True).status("loading") as status:
        measured = inference_benchmark(tickets, path.stat().st_size, status.update)
    typer.echo(json.dumps(measured, indent=2)) if as_json else show_inference(path.name, measured)


def _measure_training(problem: str, as_json: bool) -> None:
    from rich.console import Console

    from flows.command_line.terminal_tables import show_speed
    from flows.stage_times import stage_times
    from rtl_core.benchmark import benchmark, growth, peak_memory
    from rtl_core.cuda_benchmark import on_cuda
    from rtl_core.isolation import OptimizerChoice
    from rtl_core.randomness import Stream
    from tasks.process.cores import cores
    from tasks.settings.problem_settings import problem_settings

    settings = problem_settings(problem)
    make_optimizer = OptimizerChoice(**settings.optimizer.model_dump())
    stream = Stream(settings.seeds[0]).at(problem=problem)
    with Console(stderr=True).status("loading") as status, each_instance(problem, settings) as each:
        _, first = next(each)
        setup = (first, make_optimizer, stream, cores())
        memory = peak_memory(*setup)
        speed = benchmark(*setup, lambda part: status.update(f"against the plain reference: {part}"))
        captured = on_cuda(first, make_optimizer, stream)
        grown = growth(*setup, GROWTH, lambda part: status.update(f"growth: {part}"))
    measured = {**speed, "growth": grown, "memory_mb": memory, "cuda": captured, "stages": stage_times([problem])}
    typer.echo(json.dumps(measured, indent=2)) if as_json else show_speed(problem, cores(), measured)
