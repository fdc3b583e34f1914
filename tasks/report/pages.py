"""The pages of a comparison: one of the whole run and, where a problem has several instances, one of each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tasks.artefacts import paths
from tasks.artefacts.paths import JobName
from tasks.artefacts.whole_file import write_atomically
from tasks.report.description import Description
from tasks.report.page import report
from tasks.tables.published import instances_in, of_instance

UP = "↑ the whole run"


def write_pages(
    problem: str,
    tables: Mapping[str, pd.DataFrame],
    drawn: Mapping[str, Mapping[str, Mapping[str, Any]]],
    digest: str,
    description: Description | None,
) -> list[Path]:
    """Write all pages, linked to one another, and remove those of instances that are no more; the run's comes first.

    Args:
        problem: a section of params.yaml.
        tables: the published tables by file stem.
        drawn: the Vega-Lite of figures by name: those of the whole run under no name and, where there are any, those of
            instances under theirs.
        digest: that of the tables (``tables_digest``).
        description: which run the tables came from; None where that is not known, as the pages then say.
    """
    run, instances = paths.report(JobName(problem)), instances_in(tables)
    links = {name: f"{name}.html" for name in instances}
    below = {name: f"report/{link}" for name, link in links.items()}
    pages = {run: report(problem, tables, drawn[""], description, below, digest)}
    for name in instances:
        job = JobName(problem, name)
        others = {UP: f"../{run.name}", **links}
        own = description and description.of_instance(name)
        page = report(str(job), of_instance(tables, name), drawn[name], own, others, digest)
        pages[paths.report(job)] = page
    for path, page in pages.items():
        write_atomically(path, page)
    for path in run.parent.glob("report/*.html"):
        if path not in pages:
            path.unlink()
    return list(pages)
