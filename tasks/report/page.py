"""The page of a comparison: its answer, figures, tables and settings in one file that needs no network."""

from collections.abc import Mapping
from datetime import datetime
from math import isnan
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jinja2
import pandas as pd

from rtl_core.errors import DataError
from rtl_core.intervals import spread_name
from rtl_core.methods import METHODS
from tasks.figures.catalogue import FIGURES
from tasks.figures.lines import marks_of
from tasks.report.answer import answer
from tasks.report.description import Description
from tasks.report.gallery import gallery
from tasks.report.vega import page_spec, vega_script
from tasks.tables.by_level import LEDGER, kept_table, margin_tables, score_tables
from tasks.tables.directions import higher_is_better
from tasks.tables.names import FACT_NAMES, MEAN, WORSE, level_text, method_name, metric_name, time_text
from tasks.tables.published import doubt_lines, instances_in
from tasks.tables.verdict import verdict

FOLDER = Path(__file__).parent
TEMPLATE, STYLE, ANSWER, DRAWING = (
    FOLDER / name for name in ("page.html.jinja", "page.css", "answer.js", "drawing.js")
)
PARTS = (TEMPLATE, STYLE, ANSWER, DRAWING)
SECTIONS = {
    "places": ("Per subset", ("subsets", "instances")),
    "scores": ("Scores", ("metrics",)),
    "cost": ("Cost", ("parameters",)),
    "collapsing": ("Collapse", ("collapse", "worth")),
    "masks": ("Masks", ("similarity", "similarity_by_depth", "heatmaps", "alignment", "function")),
}
"""The sections below the answer, by their place on the page: heading, and figures."""


def report(
    title: str,
    tables: Mapping[str, pd.DataFrame],
    drawn: Mapping[str, Mapping[str, Any]],
    description: Description | None = None,
    instances: Mapping[str, str] = MappingProxyType({}),
    digest: str = "",
) -> bytes:
    """The page as UTF-8 HTML: Vega and all data are inside, and its policy forbids every request.

    Args:
        title: a section of params.yaml, or one instance of it.
        tables: the published tables by file stem; ``results``, ``summary``, ``scoring`` and ``parameters`` at least.
        drawn: the Vega-Lite of its figures, by name.
        description: which run the tables came from; None where that is not known, as the page then says.
        instances: the pages of a problem's instances, and of all together: relative links by what they are called.
        digest: that of the tables (``tables_digest``), by which the page is told from those of other tables.
    """
    page = _environment().get_template(TEMPLATE.name)
    specs = {name: page_spec(spec) for name, spec in drawn.items()}
    for panel in specs.get("kept", {"concat": []})["concat"]:
        del panel["title"]  # which would not fit a phone: the page has it above
    known = description or Description(facts={}, settings={}, left_out=[])
    one = "instance" if instances_in(tables) else "subset"
    html = page.render(
        title=title,
        about=_about(tables, known),
        facts={FACT_NAMES.get(key, key): value for key, value in known.facts.items()},
        verdict=_verdict(tables),
        answer=answer(tables, known.times),
        spread=spread_name(_repeats(tables)),
        repeats=_repeats(tables),
        place=one,
        holding=_holding(tables),
        alarm=_marked(tables, "rtl", "alarm", "rings at", "did not ring"),
        gallery=gallery(tables),
        sections={
            place: (
                heading.replace("subset", one),
                [(name, FIGURES[name], specs[name]) for name in names if name in specs],
            )
            for place, (heading, names) in SECTIONS.items()
        },
        plot=specs.get("kept"),
        reading=FIGURES["kept"].reading,
        scores=_score_tables(tables),
        margins=margin_tables(tables.get("margins", pd.DataFrame()), tables["scoring"]),
        ledger=kept_table(tables["parameters"], LEDGER),
        doubts=doubt_lines(tables),
        settings=known.settings,
        left_out=known.left_out,
        instances=instances,
        digest=digest,
        style=STYLE.read_text(),
        scripts=[vega_script(), DRAWING.read_text(), ANSWER.read_text()],
    )
    return html.encode()


def _about(tables: Mapping[str, pd.DataFrame], known: Description) -> list[str]:
    """The problem in a few words: how many subsets and seeds, when, and all training added up."""
    results = tables["results"]
    of = tables.get("overlap", results)
    counts = {
        "instance": len(instances_in(tables)),
        "subset": 0 if "instance" in of else of[of.subset != MEAN].subset.nunique(),
        "seed": results.seed.nunique(),
        "method": results.method.nunique(),
    }
    texts = [f"{count} {name}{'s' * (count > 1)}" for name, count in counts.items() if count]
    if known.seconds:
        texts.append(f"{time_text(known.seconds)} of training")
    if known.made_at:
        texts.append(f"{datetime.fromisoformat(known.made_at):%-d %B %Y, %H:%M} UTC")
    return texts


def _verdict(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    try:
        return verdict(tables)
    except DataError as error:  # a level without a score of the headline's
        return [f"No verdict: {error}."]


def _score_tables(tables: Mapping[str, pd.DataFrame]) -> list[Any]:
    summary = tables["summary"]
    return score_tables(summary, tables["scoring"]) + score_tables(summary, tables["scoring"], student=True)


def _repeats(tables: Mapping[str, pd.DataFrame]) -> int:
    """How many values a mean is over."""
    return len(tables["results"].filter(["seed", "instance"]).drop_duplicates())


def _holding(tables: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Where the tickets of each of RTL's methods stop holding, by its name; none where that was not examined."""
    if tables.get("collapse", pd.DataFrame()).empty:
        return {}
    metric = tables["collapse"].metric.iloc[0]
    worse = f"{metric_name(metric)} {WORSE[higher_is_better(tables['scoring'], metric)].split()[-1]} from"
    methods = [name for name in tables["collapse"].method.unique() if name in METHODS]
    found = {method_name(method): _marked(tables, method, "metric", worse, "holds") for method in methods}
    return {name: text for name, text in found.items() if text}


def _marked(tables: Mapping[str, pd.DataFrame], method: str, curve: str, at: str, otherwise: str) -> str:
    """What knees.csv marks on a curve, after what it does ``at`` it; where it marks nothing, that it does ``otherwise``
    up to the last sparsity examined; empty without the table.
    """
    if tables.get("knees", pd.DataFrame()).empty:
        return ""
    marks = marks_of(tables, method, {curve: ""})
    if len(marks):
        return f"{at} {marks.text.iloc[0].removeprefix(': ')}"
    examined = tables.get("overlap", tables["results"]) if curve == "alarm" else tables["collapse"]
    last = float(examined.sparsity.max())
    return "" if isnan(last) else f"{otherwise} up to {level_text(round(last, 4))}, the last examined"


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
