"""Stage 5: score every method at every level, hold similarity against scores, tabulate, draw and track."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.runner import runner
from flows.start import start
from flows.steps import Step, run_steps
from rtl_core.errors import DataError
from rtl_core.semantics.matrix import read_semantics
from tasks import paths
from tasks.analyse_collapse import analyse_collapse
from tasks.draw import draw
from tasks.job import Job, data_digest, job_of, load_problem
from tasks.levels import compared_levels, read_levels, retrained_places
from tasks.measure_similarity import measure_similarity
from tasks.methods import all_methods, examined_method, rtl_methods
from tasks.provenance import provenance
from tasks.published_tables import read_tables
from tasks.publishing import collect, publish, publish_files
from tasks.report import report
from tasks.score_across import score_across
from tasks.score_method import score_method
from tasks.settings import ProblemSettings, problem_settings
from tasks.starting_point import published_start
from tasks.store import write_atomically
from tasks.tabulate import tabulate
from tasks.tracking import flat_settings, log_report, track

Place = tuple[str, int, float]


@flow(name="compare", flow_run_name="compare {problem}", task_runner=runner())
def compare(problem: str) -> None:
    """Publish the tables and figures below ``artifacts/<problem>``, log them to MLflow and write the report.

    Args:
        problem: a section of params.yaml.
    """
    settings = problem_settings(problem)
    job, levels = job_of(problem, settings), read_levels(problem)
    if settings.collapse.semantics:  # hours of scoring come before it is used
        read_semantics(Path(settings.collapse.semantics), load_problem(job).subsets)
    compared = {
        (method, seed, sparsity)
        for method in all_methods(settings)
        for seed in settings.seeds
        for sparsity in compared_levels(problem, settings)
    }
    scored = run_steps(scoring_steps(job, settings, compared), "scoring")
    across = run_steps(across_steps(job, settings), "tickets on every subset")
    similar = run_steps(similarity_steps(job, settings), "similarity of masks")
    files = tabulate(
        problem,
        [row for place, found in scored.items() if place in compared for row in found["scores"]],
        [found["parameters"] for place, found in scored.items() if place in compared],
    )
    files |= analyse_collapse(
        problem,
        [
            row
            for (method, *_), found in scored.items()
            if method == examined_method(settings)
            for row in found["scores"]
        ],
        [_measured(place, found) for place, found in similar.items() if place[0] != "epochs"],
        [_measured(place, found) for place, found in similar.items() if place[0] == "epochs"],
        [found for found in across.values() if found],
        levels,
        settings.collapse.metric,
        collect(Path(settings.collapse.semantics)) if settings.collapse.semantics else None,
    )
    folder = paths.artifacts(problem)
    for name, reference in files.items():
        publish(folder / name, reference)
    publish_files(folder / "figures", {folder / name: reference for name, reference in draw(problem, files).items()})
    show(job, settings)


def scoring_steps(job: Job, settings: ProblemSettings, compared: set[Place]) -> dict[Place, Step]:
    """Every method at the levels compared, and the tickets examined for collapse at theirs."""
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
    problem, rounds = job["name"], read_levels(job["name"])["rounds"]
    files: dict[tuple[str, int, float], Path] = {}
    for seed in settings.seeds:
        for masks in ("rtl", *settings.extract.controls):
            files |= {(masks, seed, sparsity): paths.masks(problem, seed, sparsity, masks) for sparsity in rounds}
        epochs = len(list(paths.epoch_masks(problem, seed, 0).parent.glob("epoch-*")))
        files |= {("epochs", seed, epoch): paths.epoch_masks(problem, seed, epoch) for epoch in range(1, epochs + 1)}
    return {
        place: Step(partial(measure_similarity.submit, job, *place, _bare(path), _start(problem, settings, place[1])))
        for place, path in files.items()
    }


def ticket_files(
    problem: str, settings: ProblemSettings, method: str, seed: int, sparsity: float
) -> list[dict[str, str]]:
    """References of a method's published ticket files.

    Raises:
        DataError: the stage that publishes them has not run.
    """
    if method in rtl_methods(settings):
        return [collect(paths.tickets(problem, method, seed, sparsity))]
    folder = paths.baselines(problem, method, seed, sparsity)
    if not (files := sorted(folder.glob("network-*.safetensors"))):
        raise DataError(f"{folder}: no ticket files; run the baselines stage first")
    return [collect(path) for path in files]


def show(job: Job, settings: ProblemSettings) -> None:
    """Take the published tables to where people compare runs: MLflow, the Prefect UI and a page of their own."""
    problem = job["name"]
    folder, flat = paths.artifacts(problem), flat_settings(settings.model_dump())
    tables = read_tables(folder)
    facts = provenance() | {"seeds": ", ".join(map(str, settings.seeds))}
    if (last := max(read_levels(problem)["levels"])) < max(settings.sparsities):
        facts["extraction.ended_at"] = f"{100 * last:g} % sparsity, at the alarm"
    run_id = track(problem, tables, flat, data_digest(job), sorted((folder / "figures").iterdir()), facts)
    facts |= {"mlflow.run_id": run_id}
    write_atomically(paths.facts(problem), json.dumps({"facts": facts, "settings": flat}, indent=2).encode())
    write_atomically(paths.report(problem), report(problem, tables, facts, flat))
    log_report(run_id, paths.report(problem))
    key = re.sub("[^a-z0-9]+", "-", problem.lower())
    for name in ("summary", "parameters", "collapse", "knees"):
        create_table_artifact(key=f"{key}-{name}", table=json.loads(tables[name].to_json(orient="records")))
    create_markdown_artifact(key=f"{key}-mlflow", markdown=f"MLflow run `{run_id}`")


def _start(problem: str, settings: ProblemSettings, seed: int) -> dict[str, str] | None:
    start = published_start(problem, settings, seed)
    return start and {"sha256": start["sha256"]}


def _bare(path: Path) -> dict[str, str]:
    """A reference without the path: what the extract stage measured is then found again."""
    return {"sha256": collect(path)["sha256"]}


def _measured(place: tuple[str, int, float], found: dict[str, Any]) -> dict[str, Any]:
    masks, seed, sparsity = place
    return {**found, "masks": masks, "seed": seed, "sparsity": sparsity}


if __name__ == "__main__":
    start(compare, "compare")
