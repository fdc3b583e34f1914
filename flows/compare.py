"""Stage 5: score every method at every level, tabulate, draw and track."""

import re
from functools import partial

import pandas as pd
from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.runner import runner
from flows.start import start
from flows.steps import Step, run_steps
from rtl_core.errors import DataError
from tasks import paths
from tasks.job import Job, data_digest, job_of
from tasks.measure_similarity import measure_similarity
from tasks.methods import all_methods, rtl_methods
from tasks.provenance import provenance
from tasks.publishing import collect, publish
from tasks.score_method import score_method
from tasks.settings import ProblemSettings, problem_settings
from tasks.tabulate import tabulate
from tasks.tracking import track


@flow(name="compare", flow_run_name="compare {problem}", task_runner=runner())
def compare(problem: str) -> None:
    """Publish the tables and figures below ``artifacts/<problem>`` and log them to MLflow.

    Args:
        problem: a section of params.yaml.
    """
    settings = problem_settings(problem)
    job = job_of(problem, settings)
    places = [(seed, sparsity) for seed in settings.seeds for sparsity in settings.compared_sparsities]
    masked = [
        (method, seed, sparsity)
        for method in ("rtl", *settings.extract.controls)
        for seed in settings.seeds
        for sparsity in settings.sparsities
    ]
    scoring = {
        (method, *place): Step(
            partial(score_method.submit, job, method, *place, ticket_files(problem, settings, method, *place))
        )
        for method in all_methods(settings)
        for place in places
    }
    comparing = {
        (method, *place): Step(
            partial(measure_similarity.submit, method, *place, collect(paths.masks(problem, *place, method)))
        )
        for method, *place in masked
    }
    scored, similar = run_steps(scoring, "scoring"), run_steps(comparing, "similarity of masks")
    files = tabulate(
        problem,
        [row for found in scored.values() for row in found["scores"]],
        [found["parameters"] for found in scored.values()],
        [row for rows in similar.values() for row in rows],
    )
    for name, reference in files.items():
        publish(paths.artifacts(problem) / name, reference)
    show(job, settings)


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
    """Take the published tables to where people compare runs: MLflow and the Prefect UI."""
    folder = paths.artifacts(job["name"])
    tables = {name: pd.read_csv(folder / f"{name}.csv") for name in ("results", "parameters", "similarity")}
    run_id = track(
        job["name"],
        **tables,
        settings=settings.model_dump(),
        data_digest=data_digest(job),
        figures=sorted((folder / "figures").iterdir()),
        tags=provenance(),
    )
    key = re.sub("[^a-z0-9]+", "-", job["name"].lower())
    create_table_artifact(key=f"{key}-summary", table=pd.read_csv(folder / "summary.csv").to_dict("records"))
    create_markdown_artifact(key=f"{key}-mlflow", markdown=f"MLflow run `{run_id}`")


if __name__ == "__main__":
    start(compare, "compare")
