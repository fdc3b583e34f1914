"""Where people compare runs: what a comparison takes to MLflow, to Prefect's page and to pages of its own."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect.artifacts import create_link_artifact, create_table_artifact

from rtl_core.distinct_names import KEYS, distinct_names
from tasks.artefacts import paths
from tasks.artefacts.store import STORE, Reference
from tasks.jobs.job import Job, data_digest, name_of
from tasks.jobs.left_out import read_left_out
from tasks.jobs.levels import read_levels
from tasks.jobs.training_times import all_seconds, read_training_times
from tasks.report.description import Description, read_description, tables_digest, times_of, write_description
from tasks.report.identity import comparison_identity
from tasks.report.pages import write_pages
from tasks.report.shown_pages import are_shown
from tasks.settings.params_file import read_params, sections
from tasks.settings.sections import ProblemSettings, flat_settings
from tasks.tables.published import read_tables
from tasks.tracking.client import run_page
from tasks.tracking.comparison import is_logged, log_report, track
from tasks.tracking.models import log_models
from tasks.tracking.provenance import provenance

Drawn = dict[str, dict[str, dict[str, Reference]]]
"""References by instance (none: the whole run), figure and kind (``picture``, ``spec``)."""


def show(
    problem: str,
    jobs: list[Job],
    settings: ProblemSettings,
    published: dict[Path, Reference],
    drawn: Drawn,
) -> None:
    """Take what was published to where people compare runs: MLflow, the Prefect UI and pages of their own.

    A comparison that is there already is neither logged nor written again; one that is logged, but of whose pages those
    of another took the place, is written again.
    """
    flat = flat_settings(settings.model_dump())
    tables, left_out, data = read_tables(paths.tables(problem)), read_left_out(problem), data_digest(jobs)
    digest, identity = tables_digest(problem), comparison_identity(published, flat, data, left_out)
    described = read_description(problem, digest)
    if described is None or not is_logged(described.run_id, identity):
        facts = provenance() | {"seeds": ", ".join(map(str, settings.seeds)), "tables_sha256": digest}
        if ends := [end for job in jobs if (end := _early_end(job, settings))]:
            facts["extraction.ended_at"] = "; ".join(ends)
        run_id = track(problem, tables, flat, data, paths.figures(problem), facts)
        log_models(problem, run_id, tables, sections(read_params()))
        described = Description(
            facts=facts | {"mlflow.run_id": run_id},
            settings=flat,
            left_out=left_out,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            times=times_of(read_training_times(problem)),
            seconds=all_seconds(problem),
        )
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
        instance: {name: json.loads(STORE.get(references["spec"]["sha256"])) for name, references in figures.items()}
        for instance, figures in drawn.items()
    }


def _early_end(job: Job, settings: ProblemSettings) -> str:
    """Where extraction ended before the last level that was asked for."""
    if (last := max(read_levels(name_of(job))["levels"])) == max(settings.sparsities):
        return ""
    instance = f"{job['instance']}: " if job["instance"] else ""
    return f"{instance}{100 * last:g} % sparsity, at the alarm"
