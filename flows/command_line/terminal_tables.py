"""What the terminal shows at the end: scores under every protocol, parameters, and where the time went."""

import time
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.doubts import show_doubts
from flows.stage_times import stage_times
from tasks.artefacts import paths
from tasks.artefacts.paths import JobName
from tasks.jobs.taken_up import changed_since
from tasks.report.description import read_description, tables_digest
from tasks.report.shown_pages import are_shown
from tasks.tables.by_level import KEPT, LevelTable, kept_table, margin_tables, score_tables
from tasks.tables.published import read_tables


def show_results(problem: str) -> None:
    """Print one table per protocol, methods × sparsities, each figure with its interval over seeds; margins, if any.

    Raises:
        DataError: the compare stage has not run.
    """
    tables = read_tables(paths.tables(problem), ["results", "summary", "scoring", "margins", "parameters"])
    console = Console()
    margins = margin_tables(tables["margins"], tables["scoring"]) if "margins" in tables else []
    scores = score_tables(tables["summary"], tables["scoring"])
    for table in (*scores, *margins, kept_table(tables["parameters"], KEPT)):
        console.print(_levels_table(problem, table))
    show_doubts(problem)
    page = paths.report(JobName(problem))
    digest = tables_digest(problem)
    if are_shown(problem, tables, digest):
        line = f"All of it on one page: {page} (tables and pictures beside it, in tables/ and figures/)"
    elif page.exists():
        line = f"{page} is the page of another comparison: `rtl report {problem}` writes the page of this one"
    else:
        line = f"`rtl report {problem}` writes all of it on one page, {page}"
    console.print(line, soft_wrap=True)
    if (described := read_description(problem, digest)) and described.not_logged:
        console.print(f"MLflow: {described.not_logged}", soft_wrap=True)
    if changes := changed_since(problem):
        console.print(changes, soft_wrap=True)
    console.print("Look further: dvc metrics show, dvc plots show, rtl ui (Prefect and MLflow)")


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


def _levels_table(problem: str, content: LevelTable) -> Table:
    title = f"{problem}: {content.title}"
    table = Table(title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for level in content.levels:
        table.add_column(level, justify="right")
    for section, rows in content.sections.items():
        table.add_row(f"[italic]{section}[/italic]")
        for method, texts in rows.items():
            table.add_row(f"  {method}", *map(escape, texts))
    return table
