"""What is said when a flow has ended: the verdict, where the report is, and how long it took."""

import re
import textwrap
from collections.abc import Iterable, Mapping

import pandas as pd
from rich.console import Console

from tasks.artefacts import paths
from tasks.artefacts.paths import JobName
from tasks.report.description import tables_digest
from tasks.report.shown_pages import are_shown
from tasks.tables.names import metric_name, time_text
from tasks.tables.published import read_tables
from tasks.tables.selection import headline
from tasks.tables.verdict import verdict

UNBROKEN = re.compile(r"\[[^\]]*\](?: dB\b)?|\d (?=%|dB\b)")
"""What no line may end in: an interval, and a number before its unit."""
COMPARING = ("compare", "pipeline")
"""The flows that end with a comparison."""


def show_end(problem: str, stage: str, seconds: float) -> None:
    """Print what a flow came to, and how long it took."""
    if stage in COMPARING:
        tables = read_tables(paths.tables(problem), ["results", "scoring", "parameters"])
        print_verdict(problem, tables)
        Console(highlight=False).print(report_line(problem, tables), soft_wrap=True)
    print(f"{stage} of {problem}: {time_text(seconds)}")


def print_verdict(problem: str, tables: Mapping[str, pd.DataFrame]) -> bool:
    """Print what a comparison says, or why it says nothing; whether it says anything.

    Args:
        problem: a section of params.yaml.
        tables: results, scoring and parameters, as published.
    """
    sentences = verdict(tables)
    metric = metric_name(headline(tables["results"])[1])
    print_sentences([f"{problem}:", *(sentences or [f"No verdict: {metric} is not defined there."])])
    return bool(sentences)


def print_sentences(sentences: Iterable[str]) -> None:
    """Print sentences, each from a new line on, without breaking an interval over lines."""
    console = Console()
    for sentence in sentences:
        kept = UNBROKEN.sub(lambda found: found[0].replace(" ", "\xa0"), sentence)
        text = textwrap.fill(kept, console.width, break_on_hyphens=False, break_long_words=False)
        console.print(text.replace("\xa0", " "), soft_wrap=True, markup=False, highlight=False)


def report_line(problem: str, tables: Mapping[str, pd.DataFrame]) -> str:
    """Where the page of a comparison is, or which command writes it."""
    page = paths.report(JobName(problem))
    if are_shown(problem, tables, tables_digest(problem)):
        return f"All of it on one page: {page} (tables and pictures beside it, in tables/ and figures/)"
    if page.exists():
        return f"{page} is the page of another comparison: `rtl report {problem}` writes the page of this one"
    return f"`rtl report {problem}` writes all of it on one page, {page}"
