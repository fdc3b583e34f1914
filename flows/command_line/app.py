"""What ``rtl`` answers: what a problem is, and what came out of it."""

import os
import sys
from typing import Annotated

import typer

from flows.command_line.advise import advise
from flows.command_line.bench import bench
from flows.command_line.each_instance import each_instance
from flows.command_line.export import export
from flows.command_line.info import info
from flows.command_line.new_project import new
from flows.command_line.predict import enhance, predict, reconstruct
from flows.command_line.stages import code, run
from rtl_core.errors import RtlError, one_line

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Routing the Lottery: adaptive sparse subnetworks.")

ProblemName = Annotated[str, typer.Argument(help="a section of params.yaml")]

app.command()(new)
app.command()(run)
app.command()(code)
app.command()(info)


@app.command()
def check(problem: ProblemName) -> None:
    """Try a problem before hours of training go into it: a step of every objective, twice, and its scores.

    Each line that it prints says what to change; the exit status is 1 if there is any. Training begins with the same.
    """
    from time import perf_counter

    from rich.console import Console

    from rtl_core.checks import problem_failures
    from rtl_core.isolation import OptimizerChoice
    from rtl_core.method_checks import method_failures
    from rtl_core.one_network import as_one_network
    from rtl_core.randomness import Stream
    from tasks.artefacts.paths import JobName
    from tasks.settings.methods import cuts_batches, has_one_network, methods_across
    from tasks.settings.problem_settings import problem_settings

    settings = problem_settings(problem)
    stages = [settings] if (later := settings.for_retraining) == settings else [settings, later]
    started, failed = perf_counter(), False
    for of_stage in stages:
        make_optimizer = OptimizerChoice(**of_stage.optimizer.model_dump())
        with Console(stderr=True).status("checking"), each_instance(problem, of_stage) as each:
            for instance, loaded in each:
                place = str(JobName(problem, instance))
                stream = Stream(settings.seeds[0]).at(problem=place)
                if loaded.starts_from:
                    typer.echo(f"{place}: {loaded.starts_from}")
                views = [loaded, *([as_one_network(loaded)] if has_one_network(settings) else [])]
                failures = [one for view in views for one in problem_failures(view, make_optimizer, stream)]
                if not failures:
                    failures = list(method_failures(loaded, stream, cuts_batches(settings), methods_across(settings)))
                for failure in failures:
                    failed = True
                    typer.echo(f"error: {place}: {failure}", err=True)
    if failed:
        raise typer.Exit(1)
    typer.echo(f"{problem}: found nothing to change ({perf_counter() - started:.1f} s)")


app.command()(advise)


@app.command()
def results(
    problems: Annotated[
        list[str] | None,
        typer.Argument(help="sections of params.yaml, or a stage of DVC's for one \\[default: its list]"),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="also every protocol, metric and sparsity")] = False,
    since: Annotated[
        float | None, typer.Option(help="also split the time since this moment (seconds of the epoch) into parts")
    ] = None,
) -> None:
    """Print what the last comparison says, who leads at what cost, and where to look further."""
    from flows.command_line.terminal_tables import show_results, show_times
    from tasks.settings.params_file import read_params, section

    params = read_params()
    chosen = [name.rpartition("@")[2] for name in problems or params["problems"]]
    for problem in chosen:
        section(params, problem)
        show_results(problem, every)
    if since is not None:
        show_times(chosen, since)


@app.command()
def report(problem: ProblemName) -> None:
    """Write the last comparison as a page with interactive figures, which opens without a network.

    Where a problem holds several instances, each has a page of its own beside it.
    """
    from tasks.artefacts import paths
    from tasks.figures.catalogue import specs
    from tasks.report.description import read_description, tables_digest
    from tasks.report.pages import write_pages
    from tasks.settings.params_file import read_params, section
    from tasks.tables.published import instances_in, of_instance, read_tables

    section(read_params(), problem)
    tables = read_tables(paths.tables(problem))
    digest = tables_digest(problem)
    drawn = {name: specs(of_instance(tables, name)) for name in instances_in(tables)}
    described = read_description(problem, digest)
    for path in write_pages(problem, tables, {"": specs(tables), **drawn}, digest, described):
        typer.echo(path)


for command in (predict, reconstruct, enhance, export, bench):
    app.command()(command)


@app.command()
def ui(
    prefect_port: Annotated[int, typer.Option(help="port of Prefect's page")] = 4200,
    mlflow_port: Annotated[int, typer.Option(help="port of MLflow's page")] = 5000,
) -> None:
    """Start Prefect's and MLflow's web pages on 127.0.0.1."""
    from flows.command_line.web_pages import serve_pages

    serve_pages(prefect_port, mlflow_port)


@app.command()
def serve(
    problem: Annotated[
        str | None,
        typer.Argument(help="section of params.yaml that the forms begin with \\[default: its list's first]"),
    ] = None,
) -> None:
    """Offer the pipeline and each stage to Prefect's page, and run here what is asked for or due (needs `rtl ui`)."""
    os.environ.setdefault("PREFECT_API_URL", "http://127.0.0.1:4200/api")

    from tasks.settings.params_file import read_params

    params = read_params()
    chosen = problem or params["problems"][0]

    from flows.command_line.deployments import require_visible_flows, serve_flows
    from tasks.settings.problem_settings import problem_settings

    problem_settings(chosen)
    require_visible_flows()
    serve_flows(chosen)


def main() -> None:
    """Run ``rtl``; an error that the user can act on is one line and exit status 1."""
    try:
        app()
    except RtlError as problem:
        sys.exit(f"error: {problem}")
    except OSError as problem:
        from tasks.process.outages import refusal

        if line := refusal(problem):
            sys.exit(f"error: {one_line(line)}")
        raise
