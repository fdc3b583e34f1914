"""Where people compare runs: what a comparison takes to MLflow and to pages of its own."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from tasks.artefacts import paths
from tasks.artefacts.store import STORE, Reference
from tasks.jobs.job import Job, data_digest, name_of
from tasks.jobs.left_out import read_left_out
from tasks.jobs.levels import read_levels
from tasks.jobs.training_times import all_seconds, read_training_times
from tasks.report.description import (
    NOT_LOGGED,
    Description,
    read_description,
    tables_digest,
    times_of,
    write_description,
)
from tasks.report.identity import comparison_identity
from tasks.report.pages import write_pages
from tasks.report.shown_pages import are_shown
from tasks.settings.params_file import read_params, sections
from tasks.settings.sections import ProblemSettings, flat_settings
from tasks.tables.published import read_tables
from tasks.tables.verdict import verdict
from tasks.tracking.comparison import is_logged, log_report, track
from tasks.tracking.models import log_models
from tasks.tracking.once import lacking, run_of, tell_not_logged, unless_refused
from tasks.tracking.provenance import provenance
from tasks.tracking.reachable import refusal_of_tracking

Drawn = dict[str, dict[str, dict[str, Reference]]]
"""References by instance (none: the whole run), figure and kind (``picture``, ``spec``)."""


def show(
    problem: str,
    jobs: list[Job],
    settings: ProblemSettings,
    published: dict[Path, Reference],
    drawn: Drawn,
) -> None:
    """Take what was published to where people compare runs: MLflow and pages of its own.

    A comparison that is there already is neither logged nor written again; one that is logged, but of whose pages those
    of another took the place, is written again. What MLflow does not take stops nothing: a line says so, and the next
    comparison logs it.
    """
    flat = flat_settings(settings.model_dump())
    tables, left_out, data = read_tables(paths.tables(problem)), read_left_out(problem), data_digest(jobs)
    digest, identity = tables_digest(problem), comparison_identity(published, flat, data, left_out)
    described = read_description(problem, digest)
    refused = refusal_of_tracking()
    if described is None or not (refused or is_logged(described.run_id, identity)):
        facts = provenance() | {"seeds": ", ".join(map(str, settings.seeds)), "tables_sha256": digest}
        if ends := [end for job in jobs if (end := _early_end(job, settings))]:
            facts["extraction.ended_at"] = "; ".join(ends)
        first, *_ = [*verdict(tables), ""]
        times = read_training_times(problem)
        tracking = partial(track, problem, tables, times, flat, data, paths.figures(problem), facts, first)
        run_id = None if refused else unless_refused(problem, partial(_log, problem, identity, tables, tracking))
        facts |= {"mlflow.run_id": run_id} if run_id else {NOT_LOGGED: f"not there yet: {lacking(problem)}"}
        described = Description(
            facts=facts,
            settings=flat,
            left_out=left_out,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            times=times_of(times),
            seconds=all_seconds(problem),
        )
        paths.description(problem, digest).unlink(missing_ok=True)  # until the pages are all of this run
        pages = write_pages(problem, tables, _specs(drawn), digest, described)
        write_description(problem, digest, described)
        if run_id:
            unless_refused(problem, partial(log_report, run_id, pages, identity))
    elif not are_shown(problem, tables, digest):
        write_pages(problem, tables, _specs(drawn), digest, described)
    if refused:
        tell_not_logged(problem, refused)


def _log(problem: str, identity: str, tables: dict[str, pd.DataFrame], tracking: Callable[[], str]) -> str:
    run_id = run_of(problem, identity, tracking)
    log_models(problem, run_id, tables, sections(read_params()))
    return run_id


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
