"""Stage 5: score every method at every level, hold similarity against scores, tabulate, draw and track."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from prefect import flow

from flows.answer import show_answer
from flows.costs import counting_steps, training_costs
from flows.doubts import show_doubts
from flows.parameters import AS_WRITTEN, Changes, Runner, Section
from flows.runner import threads, workers
from flows.scoring import (
    across_steps,
    analysis_steps,
    exhibit_steps,
    routing_steps,
    scoring_steps,
    similarity_steps,
)
from flows.showing import Drawn, show
from flows.steps import Step, for_each, run_steps
from flows.turns import taking_turns
from rtl_core.semantics.matrix import read_semantics
from tasks.artefacts import paths
from tasks.artefacts.paths import JobName
from tasks.artefacts.publishing import publish_files
from tasks.artefacts.store import STORE, Reference
from tasks.compare_examples import compare_examples
from tasks.draw import draw
from tasks.figures.plotted import plotted_tables
from tasks.jobs.job import Job, load_problem, name_of
from tasks.jobs.made_with import check_made_with
from tasks.jobs.making import jobs_of
from tasks.jobs.taken_up import record_taken_up
from tasks.join_instances import Files, join_instances
from tasks.settings.problem_settings import problem_settings
from tasks.tables.doubts import doubts_table
from tasks.tables.exhibits import exhibits_file, sound_files
from tasks.tables.method_metrics import method_metrics
from tasks.tables.routing import routing_table
from tasks.tables.scores import to_csv
from tasks.tabulate import tabulate
from tasks.tracking.once import tell_not_logged
from tasks.tracking.reachable import refusal_of_tracking


@flow(name="compare", flow_run_name="compare {problem}", task_runner=threads())
@taking_turns
def compare(problem: Section, changes: Changes = AS_WRITTEN, runner: Runner = "threads") -> None:
    """Publish the tables and figures below ``artifacts/<problem>``, log them to MLflow and write the pages.

    Args:
        problem: section of params.yaml: a problem under one of its presets, such as cifar10 or cifar10_quick.
        changes: what this run does otherwise than params.yaml says.
        runner: where steps run: threads; dask, a process a core on this machine; or the address of a Dask
            scheduler, such as tcp://10.0.0.1:8786.
    """
    settings = problem_settings(problem, changes)
    check_made_with(problem, settings, "compare")
    if refused := refusal_of_tracking():
        tell_not_logged(problem, refused)
    jobs = jobs_of(problem, settings)
    record_taken_up(problem, "compare", settings)
    if settings.collapse.semantics:  # hours of scoring come before it is used
        for job in jobs:
            read_semantics(Path(settings.collapse.semantics), load_problem(job).subsets)
    with workers(runner):
        scored = run_steps(for_each(jobs, partial(scoring_steps, settings=settings)), "scoring")
        routed = run_steps(for_each(jobs, partial(routing_steps, settings=settings)), "unknown contexts")
        across = run_steps(for_each(jobs, partial(across_steps, settings=settings)), "tickets on every subset")
        counted = run_steps(for_each(jobs, partial(counting_steps, settings=settings)), "costs of an epoch")
        similar = run_steps(for_each(jobs, partial(similarity_steps, settings=settings)), "similarity of masks")
        pictured = run_steps(for_each(jobs, partial(exhibit_steps, settings=settings)), "pictures and sounds")
    analysis = partial(analysis_steps, settings=settings, scored=scored, across=across, similar=similar)
    analysed = run_steps(for_each(jobs, analysis), "collapse analysis")
    costs = training_costs(jobs, settings, counted)
    compared, examined = [scored[place] for place in costs], [scored[place] for place in scored if place not in costs]
    exhibits = [row for rows in pictured.values() for row in rows]
    files = {
        **tabulate(
            problem,
            [row for one in [*compared, *routed.values()] for row in one["scores"]],
            [scored[place]["parameters"] | cost for place, cost in costs.items()],
        ),
        **together(problem, {job["instance"]: analysed[name_of(job), "analysis"] for job in jobs}),
        "exhibits.parquet": exhibits_file(exhibits),
    }
    files |= compare_examples(problem, [one["examples"] for one in compared if one["examples"]], files["scoring.csv"])
    if routing := [row for one in routed.values() for row in one["routing"]]:
        files["routing.csv"] = {"sha256": STORE.put(to_csv(routing_table(routing)))}
    files["doubts.csv"] = {"sha256": STORE.put(to_csv(doubts_table(compared, examined)))}
    metrics = {paths.metrics(problem): files.pop("metrics.json")}
    tables = {paths.tables(problem) / name: reference for name, reference in files.items()}
    publish_files(paths.tables(problem), tables)
    publish_for_dvc(problem, files)
    STORE.copy(metrics[paths.metrics(problem)]["sha256"], paths.metrics(problem))
    drawn = run_steps(
        drawing_steps(problem, jobs, {name: files[name] for name in files if name != "doubts.csv"}), "figures"
    )
    shown = {
        paths.figures(problem) / path: file for path, file in (picture_files(drawn) | sound_files(exhibits)).items()
    }
    publish_files(paths.figures(problem), shown)
    show(problem, jobs, settings, {**tables, **metrics, **shown}, drawn)
    show_answer(problem)
    show_doubts(problem)


def publish_for_dvc(problem: str, files: Files) -> None:
    """Publish what `dvc plots` and `dvc metrics` show: outputs of DVC's cannot lie in one another."""
    for folder, shown in (
        (paths.plots(problem), plotted_tables(files)),
        (paths.method_metrics(problem), method_metrics(files)),
    ):
        publish_files(folder, {folder / name: reference for name, reference in shown.items()})


def picture_files(drawn: Drawn) -> dict[str, Reference]:
    """References of figures by path below the folder of figures; those of an instance are in a folder of its name."""
    return {
        str(Path(instance, f"{figure}.png")): references["picture"]
        for instance, figures in drawn.items()
        for figure, references in figures.items()
    }


def together(problem: str, tables: dict[str, Files]) -> Files:
    """The tables of all instances in one; those of the one job as they are."""
    return tables[""] if "" in tables else join_instances(problem, tables)


def drawing_steps(problem: str, jobs: Sequence[Job], tables: Files) -> dict[str, Step]:
    """The figures of the whole run, under no name, and, where there are any, of each instance under its own."""
    instances = dict.fromkeys(["", *(job["instance"] for job in jobs)])
    return {name: Step(partial(draw.submit, str(JobName(problem, name)), name, tables)) for name in instances}
