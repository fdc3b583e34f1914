"""What the terminal shows at the end: what a comparison says, its tables, and where the time went."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.command_line.leaderboard import MARKED, show_leaderboard
from flows.doubts import show_doubts
from flows.ending import print_sentences, print_verdict, report_line
from flows.stage_times import stage_times
from tasks.artefacts import paths
from tasks.jobs.taken_up import changed_since
from tasks.report.description import read_description, tables_digest
from tasks.tables.by_level import KEPT, MARK, LevelTable, kept_table, margin_tables, score_tables
from tasks.tables.published import read_tables
from tasks.tables.standings import marked
from tasks.tables.verdict import contenders


def show_results(problem: str, every: bool) -> None:
    """Print what a comparison says, who leads, and where to look further.

    Args:
        problem: a section of params.yaml.
        every: also print a table per protocol, methods × sparsities, each figure with its interval over seeds; margins,
            if any; and what is kept.

    Raises:
        DataError: the compare stage has not run.
    """
    tables = read_tables(paths.tables(problem), ["results", "summary", "scoring", "margins", "parameters"])
    console = Console(highlight=False)
    if print_verdict(problem, tables):
        show_leaderboard(problem, tables)
    if every:
        show_every_table(problem, tables)
    show_doubts(problem)
    console.print(report_line(problem, tables), soft_wrap=True)
    if (described := read_description(problem, tables_digest(problem))) and described.not_logged:
        console.print(f"MLflow: {described.not_logged}", soft_wrap=True)
    if changes := changed_since(problem):
        console.print(changes, soft_wrap=True)
    more = [] if every else [f"rtl results {problem} --all (every metric and sparsity)"]
    further = ", ".join([*more, "dvc metrics show, dvc plots show, rtl ui (Prefect and MLflow)"])
    console.print(f"Look further: {further}", soft_wrap=True)
    console.print()


def show_every_table(problem: str, tables: Mapping[str, pd.DataFrame]) -> None:
    """Print all tables, each in as many parts as the terminal needs to keep its figures whole."""
    console, scoring = Console(), tables["scoring"]
    margins = margin_tables(tables["margins"], scoring) if "margins" in tables else []
    scores = score_tables(tables["summary"], scoring, marked(tables, contenders(tables["results"])))
    for content in (*scores, *margins, kept_table(tables["parameters"], KEPT)):
        console.print()
        print_sentences([f"{problem}: {content.title}"])
        for part in _parts(content, console):
            console.print(part)
    console.print(f"{MARK} {MARKED}")


def show_times(problems: Sequence[str], since: float) -> None:
    """Print how much of the time since a moment was training and scoring, and how much everything around it."""
    table = _times_table()
    stages = stage_times(problems, since)
    for name, times in stages.items():
        _add_times(table, name, times)
    elapsed = time.time() - since
    computing = sum(times["computing"] for times in stages.values())
    spent = sum(times["seconds"] for times in stages.values())
    table.add_row("DVC and this summary", "", f"{elapsed - spent:.1f}")
    table.add_row("in all", f"{computing:.1f}", f"{elapsed - computing:.1f}", style="bold")
    Console().print(table)


def show_speed(problem: str, cores: int, measured: dict[str, Any]) -> None:
    """Print what ``rtl bench`` measured: speed and ratio, growth with K, memory, and the last run's stages."""
    console = Console()
    table = Table(title=f"{problem}: images per second on {cores} core(s), medians", title_justify="left")
    for column in ("", "ours", "plain reference", "ratio"):
        table.add_column(column, justify="right" if column else "left")
    for part in measured["growth"][min(measured["growth"])]:
        rates = measured[part]
        ours, reference = rates["images_per_s"], rates["reference_images_per_s"]
        table.add_row(part.replace("_", " "), f"{ours:,.0f}", f"{reference:,.0f}", f"{rates['ratio']:.2f}")
    console.print(table)
    grown = Table(title="Milliseconds for a batch of one ticket, by number of tickets", title_justify="left")
    grown.add_column("")
    for k in measured["growth"]:
        grown.add_column(f"K = {k}", justify="right")
    for part in next(iter(measured["growth"].values())):
        grown.add_row(part.replace("_", " "), *(f"{times[part]:.1f}" for times in measured["growth"].values()))
    console.print(grown)
    if memory := measured["memory_mb"]:
        console.print(
            f"Memory in extraction, MB: {memory['before']:,.0f} with the data loaded, {memory['one_worker']:,.0f} at "
            f"the peak of one worker, {memory['each_further_worker']:,.0f} for each further worker"
        )
    if captured := measured["cuda"]:
        rates = ", ".join(f"{rate:,.0f} on {n}" for n, rate in captured["images_per_s"].items())
        console.print(
            f"A captured step: {captured['launched_ms']:.1f} ms launched kernel by kernel, "
            f"{captured['capture_ms']:.0f} ms to capture; images per second by streams: {rates}; "
            f"{captured['streams']} pay, and take {captured['peak_memory_mb']:,.0f} MB of the device"
        )
    if stages := measured["stages"]:
        times = _times_table("Last run of each stage, seconds")
        for name, seconds in stages.items():
            _add_times(times, name, seconds)
        console.print(times)


def _times_table(title: str = "Where the time went, seconds") -> Table:
    table = Table(title=title, title_justify="left")
    for column in ("stage", "training and scoring", "everything else"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    return table


def _add_times(table: Table, name: str, times: dict[str, float]) -> None:
    table.add_row(name, f"{times['computing']:.1f}", f"{times['seconds'] - times['computing']:.1f}")


def _parts(content: LevelTable, console: Console) -> Iterator[Table]:
    """A table, or its sparsities in as few tables as are no wider than a terminal."""
    unbounded, start = console.options.update(max_width=sys.maxsize), 0
    while start < len(content.levels):
        for end in range(len(content.levels), start, -1):
            part = _levels_table(content, start, end)
            if end == start + 1 or console.measure(part, options=unbounded).maximum <= console.width:
                break
        yield part
        start = end


def _levels_table(content: LevelTable, start: int, end: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for level in content.levels[start:end]:
        table.add_column(level, justify="right", no_wrap=True)
    for section, rows in content.sections.items():
        table.add_row(f"[italic]{escape(section)}[/italic]")
        for method, texts in rows.items():
            table.add_row(f"  {method}", *map(escape, texts[start:end]))
    return table
