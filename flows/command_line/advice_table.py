"""What a small run advises, for people and for programs."""

import json
from collections.abc import Mapping
from math import isnan, nan
from typing import TextIO

import pandas as pd
from rich.console import Console

from flows.command_line.leaderboard import print_methods
from flows.ending import print_sentences, report_line
from tasks.artefacts import paths
from tasks.settings.small_run import SmallRun
from tasks.tables.advice import Advice, Difference, advice
from tasks.tables.names import difference_text, level_text, metric_title, score_text, time_text
from tasks.tables.published import doubt_lines, instances_in, read_tables

READ = ("results", "scoring", "parameters", "doubts")


def show_advice(small: SmallRun, problem: str, _stage: str, seconds: float) -> None:
    """Print the methods, the simplest first, how far RTL is ahead of each, what to use, and what is not known.

    Args:
        small: the run.
        problem: what it is published as.
        seconds: that it took.
    """
    tables = read_tables(paths.tables(problem), READ)
    found = advice(tables)
    what = f"{metric_title(found.metric, found.higher)}, {found.protocol} protocol"
    title = f"{small.section}: {what}, {level_text(small.sparsities[0])} sparsity"
    print_methods(title, list(found.scores), _columns(found), [found.rtl], [])
    over = f"are over {found.over}, and say" if found.has_intervals else "lack what they could be over; scores say"
    print_sentences(
        [
            f"Advice: {found.sentence()}",
            f"That is one seed on {_data(small, tables)}. The intervals (Student's t) {over} nothing of another seed; "
            f"`rtl run pipeline {small.section}` runs all that the section asks for.",
        ]
    )
    Console(highlight=False).print(report_line(problem, tables), soft_wrap=True)
    print(f"advice on {small.section}: {time_text(seconds)}")


def print_json(small: SmallRun, out: TextIO, problem: str, _stage: str, _seconds: float) -> None:
    """Print the same as JSON."""
    tables = read_tables(paths.tables(problem), READ)
    found = advice(tables)
    told = {
        "problem": small.section,
        "kept_as": problem,
        "sparsity": small.sparsities[0],
        "seed": small.seeds[0],
        "partition": small.partition,
        "protocol": found.protocol,
        "metric": found.metric,
        "higher_is_better": found.higher,
        "over": found.over,
        "scores": {method: _number(found.scores[method].mean()) for method in found.scores},
        "weights_kept": found.kept,
        "rtl_ahead_by": {method: _lead(lead) for method, lead in found.rivals.items()},
        "not_behind": found.enough(),
        "advice": found.sentence(),
        "doubts": doubt_lines(tables),
    }
    print(json.dumps(told, indent=2), file=out, flush=True)


def _columns(found: Advice) -> dict[str, list[str]]:
    means = [float(found.scores[method].mean()) for method in found.scores]
    leads = [found.rivals.get(method) for method in found.scores]
    return {
        "mean": ["–" if isnan(mean) else score_text(mean, nan, nan) for mean in means],
        "weights kept": [f"{kept:,.0f}" for kept in found.kept.values()],
        "RTL is ahead by [95\xa0% interval]": [_lead_text(lead) if lead else "" for lead in leads],
        "": [_decided(lead) if lead else "" for lead in leads],
    }


def _lead_text(lead: Difference) -> str:
    return "–" if isnan(lead.mean) else difference_text(*lead, signs=True)


def _decided(lead: Difference) -> str:
    if not lead.is_decided:
        return "not decided"
    return "RTL is ahead" if lead.mean > 0 else "RTL is behind"


def _data(small: SmallRun, tables: Mapping[str, pd.DataFrame]) -> str:
    if instances := instances_in(tables):
        return f"{len(instances)} instance{'s' * (len(instances) > 1)}"
    return f"a share of {small.partition['share']:g} of the data" if small.partition else "all of the data"


def _lead(lead: Difference) -> dict[str, float | bool | None]:
    return {name: _number(value) for name, value in lead._asdict().items()} | {"decided": lead.is_decided}


def _number(value: float) -> float | None:
    return None if isnan(value) else float(value)
