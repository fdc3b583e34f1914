"""Who leads at one sparsity, by how much, and at what cost: the first table that a terminal shows."""

from collections.abc import Mapping

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.ending import print_sentences
from tasks.tables.by_level import MARK, spread_text
from tasks.tables.directions import higher_is_better
from tasks.tables.names import level_text, method_name, metric_title, score_text
from tasks.tables.selection import headline
from tasks.tables.standings import Standing, marked_in, shown_first, standings
from tasks.tables.verdict import contenders

MARKED = "the best, and those that cannot be told from it"


def show_leaderboard(problem: str, tables: Mapping[str, pd.DataFrame]) -> None:
    """Print the methods, the best first, at the sparsity that is shown first.

    Args:
        problem: a section of params.yaml.
        tables: results, summary, scoring and parameters, as published.
    """
    level, (protocol, metric) = shown_first(tables["results"]), headline(tables["results"])
    rows = standings(tables, level, among=contenders(tables["results"]))
    best = marked_in(rows)
    console = Console()
    console.print()
    print_sentences([f"{problem}: {level_text(level)} sparsity, {protocol} protocol, {spread_text(tables['summary'])}"])
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("")
    title = metric_title(metric, higher_is_better(tables["scoring"], metric))
    for column in (title, "weights\nkept", "× IMP\nsingle"):
        table.add_column(escape(column), justify="right", no_wrap=column != title)
    for row in rows:
        style = "bold" if row.method in best else ""
        table.add_row(method_name(row.method), *_texts(row, row.method in best), style=style)
    console.print(table)
    console.print(f"{MARK} {MARKED}")


def _texts(row: Standing, is_best: bool) -> tuple[str, ...]:
    score = score_text(row.mean, row.low, row.high)
    return (
        escape(f"{score} {MARK if is_best else ' '}").replace(" ", "\xa0"),
        f"{row.kept:,.0f}",
        "–" if pd.isna(row.of_single) else f"{row.of_single:.2g}",
    )
