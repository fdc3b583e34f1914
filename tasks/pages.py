"""The pages of a comparison: one of the whole run and, where a problem has several instances, one of each."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tasks import paths
from tasks.published_tables import instances_in, of_instance
from tasks.report import report
from tasks.store import write_atomically

UP = "↑ the whole run"


def write_pages(
    problem: str,
    tables: Mapping[str, pd.DataFrame],
    drawn: Mapping[str, Mapping[str, Mapping[str, Any]]],
    facts: Mapping[str, str],
    settings: Mapping[str, str],
    left_out: Sequence[str] = (),
) -> list[Path]:
    """Write all pages, linked to one another, and remove those of instances that are no more; the run's comes first.

    Args:
        problem: a section of params.yaml.
        tables: the published tables by file stem.
        drawn: the Vega-Lite of figures by name: those of the whole run under its problem's name and, where there are
            any, those of instances under theirs, as ``<problem>/<instance>``.
        facts: which code, data and run the tables came from.
        settings: the problem's settings under dotted keys.
        left_out: what the partition stage left out of the data, and why, in lines.
    """
    run, instances = paths.report(problem), instances_in(tables)
    links = {name: f"{name}.html" for name in instances}
    below = {name: f"report/{link}" for name, link in links.items()}
    pages = {run: report(problem, tables, drawn[problem], facts, settings, left_out, below)}
    for name in instances:
        job = f"{problem}/{name}"
        page = report(job, of_instance(tables, name), drawn[job], facts, settings, (), {UP: f"../{run.name}", **links})
        pages[paths.report(job)] = page
    for path, page in pages.items():
        write_atomically(path, page)
    for path in run.parent.glob("report/*.html"):
        if path not in pages:
            path.unlink()
    return list(pages)


def shown_run(problem: str, tables: Mapping[str, pd.DataFrame]) -> str | None:
    """The MLflow run whose comparison the pages show; None where one is missing, or it is not known of which."""
    try:
        known: str = json.loads(paths.facts(problem).read_bytes())["facts"]["mlflow.run_id"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    pages = [paths.report(problem), *(paths.report(f"{problem}/{name}") for name in instances_in(tables))]
    return known if all(page.is_file() for page in pages) else None
