"""Stage 5: score every method at every level, hold similarity against scores, tabulate, draw and track."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_link_artifact, create_table_artifact

from flows.command_line.terminal_tables import show_doubts
from flows.parameters import AS_WRITTEN, Changes, Runner
from flows.runner import threads, workers
from flows.start import start
from flows.steps import Step, for_each, found_for, run_steps
from rtl_core.distinct_names import KEYS, distinct_names
from rtl_core.errors import DataError
from rtl_core.semantics.matrix import read_semantics
from tasks.analyse_collapse import analyse_collapse
from tasks.artefacts import paths
from tasks.artefacts.publishing import collect, publish, publish_files
from tasks.artefacts.store import STORE
from tasks.compare_examples import compare_examples
from tasks.draw import draw
from tasks.exhibit_method import exhibit_method, exhibit_references
from tasks.jobs.job import Job, data_digest, instance_of, jobs_of, load_problem
from tasks.jobs.left_out import read_left_out
from tasks.jobs.levels import compared_levels, read_levels, retrained_places
from tasks.jobs.starting_point import published_start
from tasks.join_instances import Files, join_instances
from tasks.measure_similarity import measure_similarity
from tasks.report.description import Description, read_description, tables_digest, write_description
from tasks.report.identity import comparison_identity
from tasks.report.pages import write_pages
from tasks.report.shown_pages import are_shown
from tasks.score_across import score_across
from tasks.score_method import score_method
from tasks.settings.methods import all_methods, examined_method, rtl_methods
from tasks.settings.params_file import read_params, sections
from tasks.settings.problem_settings import problem_settings
from tasks.settings.sections import ProblemSettings, flat_settings
from tasks.tables.doubts import doubts_table
from tasks.tables.exhibits import exhibits_file, sound_files
from tasks.tables.published import read_tables
from tasks.tables.scores import to_csv
from tasks.tabulate import tabulate
from tasks.tracking.client import run_page
from tasks.tracking.comparison import is_logged, log_report, track
from tasks.tracking.provenance import provenance

Place = tuple[str, int, float]
Found = dict[tuple[Any, ...], Any]
Drawn = dict[str, dict[str, dict[str, dict[str, str]]]]


@flow(name="compare", flow_run_name="compare {problem}", task_runner=threads())
def compare(problem: str, changes: Changes = AS_WRITTEN, runner: Runner = "threads") -> None:
    """Publish the tables and figures below ``artifacts/<problem>``, log them to MLflow and write the pages.

    Args:
        problem: section of params.yaml: a problem under one of its presets, such as cifar10 or cifar10_quick.
        changes: what this run does otherwise than params.yaml says.
        runner: where steps run: threads; dask, a process a core on this machine; or the address of a Dask
            scheduler, such as tcp://10.0.0.1:8786.
    """
    settings = problem_settings(problem, changes)
    jobs = jobs_of(problem, settings)
    if settings.collapse.semantics:  # hours of scoring come before it is used
        for job in jobs:
            read_semantics(Path(settings.collapse.semantics), load_problem(job).subsets)
    with workers(runner):
        scored = run_steps(for_each(jobs, partial(scoring_steps, settings=settings)), "scoring")
        across = run_steps(for_each(jobs, partial(across_steps, settings=settings)), "tickets on every subset")
        similar = run_steps(for_each(jobs, partial(similarity_steps, settings=settings)), "similarity of masks")
        shown = run_steps(for_each(jobs, partial(exhibit_steps, settings=settings)), "pictures and sounds")
    analysis = partial(analysis_steps, settings=settings, scored=scored, across=across, similar=similar)
    analysed = run_steps(for_each(jobs, analysis), "collapse analysis")
    places = {(job["name"], *place): None for job in jobs for place in compared_places(job, settings)}
    compared, examined = [scored[place] for place in places], [scored[place] for place in scored if place not in places]
    exhibits = [row for rows in shown.values() for row in rows]
    files = {
        **tabulate(
            problem, [row for one in compared for row in one["scores"]], [one["parameters"] for one in compared]
        ),
        **together(problem, {instance_of(job): analysed[job["name"], "analysis"] for job in jobs}),
        "exhibits.parquet": exhibits_file(exhibits),
    }
    of_examples = [one["examples"] for one in compared if one["examples"]]
    paired = compare_examples(problem, of_examples, files["scoring.csv"])
    folder = paths.artifacts(problem)
    doubts = {"doubts.csv": {"sha256": STORE.put(to_csv(doubts_table(compared, examined)))}}
    for name, reference in {**files, **paired, **doubts}.items():
        publish(folder, name, reference)
    read = {**files, "examples.parquet": paired["examples.parquet"]}
    drawn = run_steps({name: Step(partial(draw.submit, name, read)) for name in drawn_jobs(problem, jobs)}, "figures")
    pictures = {
        folder / "figures" / name.partition("/")[2] / f"{figure}.png": references["picture"]
        for name, found in drawn.items()
        for figure, references in found.items()
    }
    sounds = {folder / path: reference for path, reference in sound_files(exhibits).items()}
    publish_files(folder / "figures", pictures | sounds)
    tables = {folder / name: reference for name, reference in {**files, **paired, **doubts}.items()}
    show(problem, jobs, settings, tables | pictures | sounds, drawn)
    show_doubts(problem)


def compared_places(job: Job, settings: ProblemSettings) -> list[Place]:
    """Every method at the levels compared, in the order of the tables."""
    levels = compared_levels(job["name"], settings)
    return [
        (method, seed, sparsity)
        for method in all_methods(settings)
        for seed in sorted(settings.seeds)
        for sparsity in levels
    ]


def scoring_steps(job: Job, settings: ProblemSettings) -> dict[Place, Step]:
    """Every method at the levels compared, and the tickets examined for collapse at theirs."""
    compared = set(compared_places(job, settings))
    examined = {place for place in retrained_places(job["name"], settings) if place[0] == examined_method(settings)}
    order = {method: number for number, method in enumerate(all_methods(settings))}
    return {
        place: Step(partial(score_method.submit, job, *place, ticket_files(job["name"], settings, *place)))
        for place in sorted(compared | examined, key=lambda place: (order[place[0]], *place[1:]))
    }


def across_steps(job: Job, settings: ProblemSettings) -> dict[Place, Step]:
    """Every ticket of RTL on every subset's job."""
    return {
        place: Step(partial(score_across.submit, job, *place, collect(paths.tickets(job["name"], *place))))
        for place in retrained_places(job["name"], settings)
    }


def similarity_steps(job: Job, settings: ProblemSettings) -> dict[tuple[str, int, float], Step]:
    """RTL's masks and the controls' after every round, and under ``epochs`` RTL's over epochs of training."""
    name, rounds = job["name"], read_levels(job["name"])["rounds"]
    files: dict[tuple[str, int, float], Path] = {}
    for seed in settings.seeds:
        for masks in ("rtl", *settings.extract.controls):
            files |= {(masks, seed, sparsity): paths.masks(name, seed, sparsity, masks) for sparsity in rounds}
        epochs = len(list(paths.epoch_masks(name, seed, 0).parent.glob("epoch-*")))
        files |= {("epochs", seed, epoch): paths.epoch_masks(name, seed, epoch) for epoch in range(1, epochs + 1)}
    return {
        place: Step(partial(measure_similarity.submit, job, *place, _bare(path), _start(name, settings, place[1])))
        for place, path in files.items()
    }


def exhibit_steps(job: Job, settings: ProblemSettings) -> dict[tuple[Any, ...], Step]:
    """Pictures of all that is compared, of the first seed; no step where a problem has nothing to look at."""
    if not load_problem(job).references:
        return {}
    first, name = settings.seeds[0], job["name"]
    return {("references",): Step(partial(exhibit_references.submit, job, first))} | {
        place: Step(partial(exhibit_method.submit, job, *place, ticket_files(name, settings, *place)))
        for place in compared_places(job, settings)
        if place[1] == first
    }


def analysis_steps(
    job: Job, settings: ProblemSettings, scored: Found, across: Found, similar: Found
) -> dict[tuple[str], Step]:
    """The collapse analysis of one job, from what the steps of all jobs found."""
    semantics, measured = settings.collapse.semantics, found_for(job, similar)
    examined = [found for place, found in found_for(job, scored).items() if place[0] == examined_method(settings)]
    analysis = partial(
        analyse_collapse.submit,
        job["name"],
        [row for found in examined for row in found["scores"]],
        [_measured(place, found) for place, found in measured.items() if place[0] != "epochs"],
        [_measured(place, found) for place, found in measured.items() if place[0] == "epochs"],
        [found for found in found_for(job, across).values() if found],
        read_levels(job["name"]),
        settings.collapse.metric,
        collect(Path(semantics)) if semantics else None,
    )
    return {("analysis",): Step(analysis)}


def together(problem: str, tables: dict[str, Files]) -> Files:
    """The tables of all instances in one; those of the one job as they are."""
    return tables[""] if "" in tables else join_instances(problem, tables)


def drawn_jobs(problem: str, jobs: list[Job]) -> list[str]:
    """What figures are drawn of: the whole run and, where there are any, each instance."""
    return list(dict.fromkeys([problem, *(job["name"] for job in jobs)]))


def ticket_files(job: str, settings: ProblemSettings, method: str, seed: int, sparsity: float) -> list[dict[str, str]]:
    """References of a method's published ticket files, by name of the job.

    Raises:
        DataError: the stage that publishes them has not run.
    """
    if method in rtl_methods(settings):
        return [collect(paths.tickets(job, method, seed, sparsity))]
    folder = paths.baselines(job, method, seed, sparsity)
    if not (files := sorted(folder.glob("network-*.safetensors"))):
        raise DataError(f"{folder}: no ticket files; run the baselines stage first")
    return [collect(path) for path in files]


def show(
    problem: str,
    jobs: list[Job],
    settings: ProblemSettings,
    published: dict[Path, dict[str, str]],
    drawn: Drawn,
) -> None:
    """Take what was published to where people compare runs: MLflow, the Prefect UI and pages of their own.

    A comparison that is there already is neither logged nor written again; one that is logged, but of whose pages those
    of another took the place, is written again.
    """
    folder, flat = paths.artifacts(problem), flat_settings(settings.model_dump())
    tables, left_out, data = read_tables(folder), read_left_out(problem), data_digest(jobs)
    digest, identity = tables_digest(problem), comparison_identity(published, flat, data, left_out)
    described = read_description(problem, digest)
    if described is None or not is_logged(described.run_id, identity):
        facts = provenance() | {"seeds": ", ".join(map(str, settings.seeds)), "tables_sha256": digest}
        if ends := [end for job in jobs if (end := _early_end(job, settings))]:
            facts["extraction.ended_at"] = "; ".join(ends)
        run_id = track(problem, tables, flat, data, folder / "figures", facts)
        described = Description(facts=facts | {"mlflow.run_id": run_id}, settings=flat, left_out=left_out)
        paths.description(problem, digest).unlink(missing_ok=True)  # until the pages are all of this run
        pages = write_pages(problem, tables, _specs(drawn), digest, described)
        write_description(problem, digest, described)
        log_report(run_id, pages, identity)
    elif not are_shown(problem, tables, digest):
        write_pages(problem, tables, _specs(drawn), digest, described)
    key = distinct_names(sections(read_params()), KEYS)[problem]
    similarity = tables["similarity"].query("layer == 'all'")
    for name, table in {**tables, "similarity": similarity}.items():
        if name in ("summary", "parameters", "similarity", "collapse", "knees"):
            create_table_artifact(key=f"{key}-{name}", table=json.loads(table.to_json(orient="records")))
    page = run_page(described.run_id)
    create_link_artifact(page, link_text=f"MLflow run {described.run_id}", key=f"{key}-mlflow")
    create_link_artifact(f"{page}/artifacts/report.html", link_text="Report", key=f"{key}-report")


def _specs(drawn: Drawn) -> dict[str, dict[str, Any]]:
    return {
        name: {figure: json.loads(STORE.get(references["spec"]["sha256"])) for figure, references in found.items()}
        for name, found in drawn.items()
    }


def _early_end(job: Job, settings: ProblemSettings) -> str:
    """Where extraction ended before the last level that was asked for."""
    if (last := max(read_levels(job["name"])["levels"])) == max(settings.sparsities):
        return ""
    instance = instance_of(job)
    return f"{f'{instance}: ' if instance else ''}{100 * last:g} % sparsity, at the alarm"


def _start(job: str, settings: ProblemSettings, seed: int) -> dict[str, str] | None:
    start = published_start(job, settings, seed)
    return start and {"sha256": start["sha256"]}


def _bare(path: Path) -> dict[str, str]:
    """A reference without the path: what the extract stage measured is then found again."""
    return {"sha256": collect(path)["sha256"]}


def _measured(place: tuple[str, int, float], found: dict[str, Any]) -> dict[str, Any]:
    masks, seed, sparsity = place
    return {**found, "masks": masks, "seed": seed, "sparsity": sparsity}


if __name__ == "__main__":
    start(compare, "compare")
