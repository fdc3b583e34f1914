"""Which tables the published pages show: DVC brings tables back, and leaves the pages of others beside them."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from tasks.artefacts import paths
from tasks.artefacts.paths import JobName
from tasks.tables.published import instances_in

HEAD = 1 << 10
"""Bytes of a page within which it says whose tables it shows."""


def are_shown(problem: str, tables: Mapping[str, pd.DataFrame], digest: str) -> bool:
    """Whether the pages that lie there are those of these tables, every one of them and no other.

    Args:
        problem: a section of params.yaml.
        tables: the published tables by file stem; ``results`` at least.
        digest: that of the tables (``tables_digest``).
    """
    run = paths.report(JobName(problem))
    pages = {run, *(paths.report(JobName(problem, name)) for name in instances_in(tables))}
    return pages == {run, *run.parent.glob("report/*.html")} and all(_shows(page, digest) for page in pages)


def _shows(page: Path, digest: str) -> bool:
    try:
        with page.open("rb") as file:
            return digest.encode() in file.read(HEAD)
    except FileNotFoundError:
        return False
