"""What the run of a method carries beside its numbers: the rows of the tables and the pictures that are its own."""

from collections.abc import Mapping
from pathlib import Path
from shutil import copy

import pandas as pd

from rtl_core.distinct_names import FILES, distinct_names
from rtl_core.methods import METHODS
from tasks.artefacts.paths import level
from tasks.tables.scores import to_csv
from tasks.tables.standings import shown_first

TABLES = ("summary", "results", "parameters", "margins")
OF_ALL = ("metrics", "kept")
OF_TICKETS = ("similarity", "collapse", "worth", "heatmaps", "alignment", "function")
"""Figures of every method, and those that RTL's tickets alone are on."""


def write_method_files(folder: Path, method: str, tables: Mapping[str, pd.DataFrame], figures: Path) -> None:
    """Fill a folder: ``tables``, ``figures`` and, where a problem has any, ``pictures`` and sounds of the first seed at
    the sparsity that is shown first.

    Args:
        folder: an empty one.
        method: whose.
        tables: as published.
        figures: where the figures of the comparison are.
    """
    for part in ("tables", "figures"):
        (folder / part).mkdir()
    for name in TABLES:
        if name in tables and len(rows := tables[name][tables[name].method == method]):
            (folder / "tables" / f"{name}.csv").write_bytes(to_csv(rows))
    tickets = OF_TICKETS if method in METHODS and METHODS[method].kind == "rtl" else ()
    for name in (*OF_ALL, *tickets):
        if (figure := figures / f"{name}.png").is_file():
            copy(figure, folder / "figures")
    _write_exhibits(folder / "pictures", method, tables)


def _write_exhibits(folder: Path, method: str, tables: Mapping[str, pd.DataFrame]) -> None:
    exhibits = tables.get("exhibits", pd.DataFrame(columns=["method", "sparsity"]))
    rows = exhibits[(exhibits.method == method) & (exhibits.sparsity == shown_first(tables["results"]))]
    if rows.empty:
        return
    folder.mkdir()
    rows = rows[rows.seed == rows.seed.min()]
    of_instances = rows.instance.fillna("").astype(str)
    titles = (of_instances + "-" + rows.exhibit).str.removeprefix("-")
    names = distinct_names(titles, FILES)
    for title, row in zip(titles, rows.to_dict("records"), strict=True):
        path = folder / f"{names[title]}-{level(row['sparsity'])}.png"
        path.write_bytes(row["png"])
        if isinstance(row.get("flac"), bytes):
            path.with_suffix(".flac").write_bytes(row["flac"])
