"""Who leads at one sparsity, by how much, and at what cost: the first table that a terminal shows."""

import textwrap
from collections.abc import Collection, Mapping, Sequence
from math import isnan
from statistics import fmean

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.ending import print_sentences
from rtl_core.methods import METHODS
from tasks.report.description import read_description, tables_digest
from tasks.tables.by_level import MARK, spread_text
from tasks.tables.directions import higher_is_better
from tasks.tables.names import level_text, method_name, metric_title, score_text, time_text
from tasks.tables.selection import headline
from tasks.tables.standings import Standing, marked_in, shown_first, standings
from tasks.tables.verdict import contenders

MARKED = "the best, and those that cannot be told from it"


def show_leaderboard(problem: str, tables: Mapping[str, pd.DataFrame]) -> None:
    """Print the methods, the best first, at the sparsity that is shown first, and what each of them is.

    Args:
        problem: a section of params.yaml.
        tables: results, summary, scoring and parameters, as published.
    """
    level, (protocol, metric) = shown_first(tables["results"]), headline(tables["results"])
    rows = standings(tables, level, among=contenders(tables["results"]))
    best, methods = marked_in(rows), [row.method for row in rows]
    columns = {
        metric_title(metric, higher_is_better(tables["scoring"], metric)): [_score(row, best) for row in rows],
        "weights kept": [f"{row.kept:,.0f}" for row in rows],
        "×\xa0IMP single": ["–" if isnan(row.of_single) else f"{row.of_single:.2g}" for row in rows],
        "steps": _steps(tables["parameters"], level, methods),
        "training": _times(problem, level, methods),
    }
    title = f"{problem}: {level_text(level)} sparsity, {protocol} protocol, {spread_text(tables['summary'])}"
    print_methods(title, methods, columns, best, [f"{MARK} {MARKED}"])


def print_methods(
    title: str,
    methods: Sequence[str],
    columns: Mapping[str, Sequence[str]],
    bold: Collection[str],
    notes: Sequence[str],
) -> None:
    """Print a table with a row a method, and below it what each of them is.

    Args:
        title: stands above.
        methods: in the order of rows.
        columns: texts of the rows by title; a column of dashes is left out.
        bold: the methods whose rows stand out.
        notes: lines between the table and the methods.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("")
    shown = {heading: texts for heading, texts in columns.items() if set(texts) != {"–"}}
    for heading, texts in shown.items():
        folded = textwrap.fill(heading, max(map(len, texts)), break_long_words=False)
        table.add_column(escape(folded), justify="right", no_wrap=True)
    for method, *texts in zip(methods, *shown.values(), strict=True):
        table.add_row(method_name(method), *map(escape, texts), style="bold" if method in bold else "")
    meanings = Table.grid(padding=(0, 2))
    for method in methods:
        meanings.add_row(method_name(method), METHODS[method].meaning, style="dim")
    console = Console()
    console.print()
    print_sentences([title])
    for part in (table, *notes, meanings):
        console.print(part)
    console.print()


def _score(row: Standing, best: Collection[str]) -> str:
    return f"{score_text(row.mean, row.low, row.high)} {MARK if row.method in best else ' '}"


def _steps(parameters: pd.DataFrame, level: float, methods: Sequence[str]) -> list[str]:
    """Optimizer steps of all that it took to train each method, where a run has counted them."""
    if "steps" not in parameters:
        return ["–" for _ in methods]
    means = parameters[parameters.sparsity == level].groupby("method").steps.mean()
    return [f"{means[method]:,.0f}" for method in methods]


def _times(problem: str, level: float, methods: Sequence[str]) -> list[str]:
    """How long that took in the run that the tables came from, where it was here."""
    known = read_description(problem, tables_digest(problem))
    times = [time for time in known.times if time.sparsity == level] if known else []
    spent = [[time.seconds for time in times if time.method == method] for method in methods]
    return [time_text(fmean(seconds)) if seconds else "–" for seconds in spent]
