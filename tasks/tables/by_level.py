"""The tables that people read, in a terminal or on a page: methods × sparsities, in sections."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from rtl_core.intervals import spread_name
from tasks.tables.directions import higher_is_better
from tasks.tables.names import MEAN, margin_text, method_name, metric_title, score_text

KEPT = {"union / active per ticket": ("union", "active_mean")}
MARK = "*"
"""Behind a score: that of the best, or level with it."""
LEDGER = {**KEPT, "dense rest": ("dense",), "bytes on disk": ("file_bytes",)}


@dataclass(frozen=True)
class LevelTable:
    """A table of texts: a column per sparsity, a section per kind of figure, a row per method."""

    title: str
    levels: list[str]
    sections: dict[str, dict[str, list[str]]]


def score_tables(
    summary: pd.DataFrame,
    scoring: pd.DataFrame,
    marked: Collection[tuple[str, str, str, float]] = (),
    student: bool = False,
) -> list[LevelTable]:
    """One table per protocol, a section per metric: each mean with its interval over instances and seeds.

    Args:
        summary: summary.csv.
        scoring: scoring.csv.
        marked: protocol, metric, method and sparsity of scores that get a mark.
        student: give the interval of the mean by Student's t; no table where there is none.
    """
    if student:
        if "t_low" not in summary or summary.t_low.isna().all():
            return []
        summary = summary.assign(low=summary.t_low, high=summary.t_high)
    spread, tables = spread_text(summary, student), []
    for protocol, rows in summary.groupby("protocol", sort=False):
        texts = [score_text(*row) for row in rows[["mean", "low", "high"]].itertuples(index=False)]
        if marked:
            places = rows[["protocol", "metric", "method", "sparsity"]].itertuples(index=False, name=None)
            texts = [f"{text} {MARK if place in marked else ' '}" for text, place in zip(texts, places, strict=True)]
        sections = [metric_title(metric, higher_is_better(scoring, metric)) for metric in rows.metric]
        rows = rows.assign(section=sections, text=texts)
        tables.append(_table(f"{protocol} protocol, {spread}", rows))
    return tables


def margin_tables(margins: pd.DataFrame, scoring: pd.DataFrame) -> list[LevelTable]:
    """By how much methods are ahead under the first protocol's first metric, a section for each they are held against.

    Args:
        margins: margins.csv; without rows there is no table.
        scoring: scoring.csv.
    """
    if margins.empty:
        return []
    first = margins.iloc[0]
    rows = margins[(margins.protocol == first.protocol) & (margins.metric == first.metric) & (margins.subset == MEAN)]
    texts = [margin_text(*row) for row in rows[["difference", "low", "high", "ahead"]].itertuples(index=False)]
    rows = rows.assign(section="over " + rows.against.map(method_name), text=texts)
    of = "mean over examples [95 % bootstrap interval over examples]"
    title = metric_title(first.metric, higher_is_better(scoring, first.metric), "; + means lower")
    return [_table(f"margins in {title}, {first.protocol} protocol, {of}", rows)]


def kept_table(parameters: pd.DataFrame, sections: Mapping[str, Sequence[str]]) -> LevelTable:
    """How many weights and bytes the methods keep, averaged over seeds.

    Args:
        parameters: parameters.csv.
        sections: the columns of parameters.csv to show together, by the title of their section.
    """
    means = parameters.groupby(["method", "sparsity"], sort=False).mean(numeric_only=True).reset_index()
    parts = [
        means.assign(section=section, text=means[list(columns)].map("{:,.0f}".format).agg(" / ".join, axis=1))
        for section, columns in sections.items()
    ]
    return _table(f"prunable weights kept of {parameters.prunable.max():,}", pd.concat(parts))


def spread_text(summary: pd.DataFrame, student: bool = False) -> str:
    """What the figures are means of, and what the brackets behind them are."""
    counts = {name: int(summary[name].max()) for name in ("instances", "seeds") if name in summary}
    if not (several := {name: count for name, count in counts.items() if count > 1}):
        return "one seed"
    means = " and ".join(f"{count} {name}" for name, count in several.items())
    name = "95 % t interval of the mean" if student else spread_name(math.prod(several.values()))
    return f"mean of {means} [{name} over {' and '.join(several)}]"


def _table(title: str, rows: pd.DataFrame) -> LevelTable:
    """``rows``: section, method, sparsity, text."""
    levels = sorted(rows.sparsity.unique())
    sections: dict[str, dict[str, list[str]]] = {}
    for (section, method), group in rows.groupby(["section", "method"], sort=False):
        texts = dict(zip(group.sparsity, group.text, strict=True))
        sections.setdefault(section, {})[method_name(method)] = [texts.get(level, "") for level in levels]
    return LevelTable(title, [f"{100 * level:g} %" for level in levels], sections)
