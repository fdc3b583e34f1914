"""The tables that people read, in a terminal or on a page: methods × sparsities, in sections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from tasks.names import method_name, metric_name, score_text

KEPT = {"union / active per ticket": ("union", "active_mean")}
LEDGER = {**KEPT, "dense rest": ("dense",), "bytes on disk": ("file_bytes",)}


@dataclass(frozen=True)
class LevelTable:
    """A table of texts: a column per sparsity, a section per kind of figure, a row per method."""

    title: str
    levels: list[str]
    sections: dict[str, dict[str, list[str]]]


def score_tables(summary: pd.DataFrame) -> list[LevelTable]:
    """One table per protocol, a section per metric: each mean with its interval over seeds.

    Args:
        summary: summary.csv.
    """
    seeds = int(summary.seeds.max())
    spread = "one seed" if seeds == 1 else f"mean of {seeds} seeds [95 % bootstrap interval over seeds]"
    tables = []
    for protocol, rows in summary.groupby("protocol", sort=False):
        texts = [score_text(*row) for row in rows[["mean", "low", "high"]].itertuples(index=False)]
        rows = rows.assign(section=rows.metric.map(metric_name), text=texts)
        tables.append(_table(f"{protocol} protocol, {spread}", rows))
    return tables


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


def _table(title: str, rows: pd.DataFrame) -> LevelTable:
    """``rows``: section, method, sparsity, text."""
    levels = sorted(rows.sparsity.unique())
    sections: dict[str, dict[str, list[str]]] = {}
    for (section, method), group in rows.groupby(["section", "method"], sort=False):
        found = dict(zip(group.sparsity, group.text, strict=True))
        sections.setdefault(section, {})[method_name(method)] = [found.get(level, "") for level in levels]
    return LevelTable(title, [f"{100 * level:g} %" for level in levels], sections)
