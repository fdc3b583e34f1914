"""What ``rtl`` answers: what a problem is, and what came out of it."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from rtl_core.errors import RtlError

if TYPE_CHECKING:
    from rtl_core.problem import Problem
    from tasks.settings import ProblemSettings

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Routing the Lottery: adaptive sparse subnetworks.")

GROWTH = [2, 5, 10, 20, 50]
"""For how many tickets `rtl bench` measures how the cost of each grows."""

ProblemName = Annotated[str, typer.Argument(help="a section of params.yaml")]


@app.command()
def info(problem: ProblemName) -> None:
    """Print what a problem is, as JSON: subsets, prunable and dense weights, network."""
    from rtl_core.extraction import initial_weights
    from rtl_core.randomness import Stream
    from tasks.settings import problem_settings

    settings = problem_settings(problem)
    loaded = _loaded(problem, settings)
    weights = initial_weights(loaded, Stream(settings.seeds[0]).at(problem=problem))
    facts = {
        "problem": problem,
        "num_subsets": len(loaded.subsets),
        "subsets": list(loaded.subsets),
        "prunable_weights": weights.layout.size,
        "dense_weights": weights.dense_layout.size,
        "network": {
            "settings": settings.training,
            "prunable": {name: list(s) for name, s in zip(weights.layout.names, weights.layout.shapes, strict=True)},
        },
    }
    typer.echo(json.dumps(facts, indent=2))


@app.command()
def results(
    problems: Annotated[list[str] | None, typer.Argument(help="sections of params.yaml [default: its list]")] = None,
    since: Annotated[
        float | None, typer.Option(help="also split the time since this moment (seconds of the epoch) into parts")
    ] = None,
) -> None:
    """Print the tables of the last comparison, and where to look further."""
    from flows.results_page import show_results, show_times
    from tasks.params import read_params, section

    params = read_params()
    chosen = problems or params["problems"]
    for problem in chosen:
        section(params, problem)
        show_results(problem)
    if since is not None:
        show_times(chosen, since)


@app.command()
def report(problem: ProblemName) -> None:
    """Write the last comparison as one page with interactive figures, which opens without a network."""
    from tasks import paths
    from tasks.params import read_params, section
    from tasks.published_tables import read_tables
    from tasks.report import report as page
    from tasks.store import write_atomically

    section(read_params(), problem)
    tables, path = read_tables(paths.artifacts(problem)), paths.report(problem)
    known = {"facts": {}, "settings": {}}
    if paths.facts(problem).is_file():
        known = json.loads(paths.facts(problem).read_text())
    write_atomically(path, page(problem, tables, **known))
    typer.echo(path)


@app.command()
def ui(
    prefect_port: Annotated[int, typer.Option(help="port of Prefect's page")] = 4200,
    mlflow_port: Annotated[int, typer.Option(help="port of MLflow's page")] = 5000,
) -> None:
    """Start Prefect's and MLflow's web pages on 127.0.0.1."""
    from flows.servers import serve_pages

    serve_pages(prefect_port, mlflow_port)


@app.command()
def bench(
    problem: ProblemName, as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False
) -> None:
    """Measure training and scoring against the plain way of doing each, on all cores (minutes for a large network)."""
    from rich.console import Console

    from flows.results_page import show_speed, stage_times
    from rtl_core.benchmark import benchmark, growth, peak_memory
    from rtl_core.isolation import OptimizerChoice
    from rtl_core.randomness import Stream
    from tasks.cores import cores
    from tasks.settings import problem_settings

    settings = problem_settings(problem)
    make_optimizer = OptimizerChoice(**settings.optimizer.model_dump())
    setup = (_loaded(problem, settings), make_optimizer, Stream(settings.seeds[0]).at(problem=problem), cores())
    console = Console(stderr=True)
    with console.status("loading") as status:
        memory = peak_memory(*setup)
        speed = benchmark(*setup, lambda part: status.update(f"against the plain reference: {part}"))
        grown = growth(*setup, GROWTH, lambda part: status.update(f"growth: {part}"))
    found = {**speed, "growth": grown, "memory_mb": memory, "stages": stage_times([problem])}
    typer.echo(json.dumps(found, indent=2)) if as_json else show_speed(problem, cores(), found)


def _loaded(problem: str, settings: "ProblemSettings") -> "Problem":
    """A problem on its published data, or else on data partitioned for this once."""
    from tasks import paths
    from tasks.settings import problem_class

    cls = problem_class(settings.problem)
    with TemporaryDirectory() as scratch:
        folder = paths.data(problem)
        if not folder.exists():
            folder = Path(scratch)
            cls.partition(folder, **settings.partition)
        return cls(folder, **settings.training)  # type: ignore[call-arg]


def main() -> None:
    """Run ``rtl``; an error that the user can act on is one line and exit status 1."""
    try:
        app()
    except RtlError as problem:
        sys.exit(f"error: {problem}")
