"""What came out, for people to see and hear: exhibits.parquet, and what is written below a picture."""

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from rtl_core.distinct_names import FILES, distinct_names
from tasks.artefacts import paths
from tasks.artefacts.store import STORE, Reference
from tasks.tables.directions import higher_is_better
from tasks.tables.names import MEAN, caption_text, metric_title
from tasks.tables.selection import headline_means

COLUMNS = pa.schema(
    {
        "instance": pa.string(),
        "method": pa.string(),
        "seed": pa.int64(),
        "sparsity": pa.float64(),
        "exhibit": pa.string(),
        "png": pa.binary(),
    }
)
Rows = list[dict[str, Any]]


def exhibits_file(rows: Rows) -> Reference:
    """Reference of exhibits.parquet: every picture, as PNG, with its place and name, and every sound, as FLAC.

    Columns: instance (empty where the problem is the one job), method, seed, sparsity, exhibit, png and, only where one
    of them has a sound, flac, and where one is of a single test example, example. What results are to be held against
    is of no method (empty) and no sparsity (NaN).
    """
    kinds = ["png", *(["flac"] if any("flac" in row for row in rows) else [])]
    content = [row | {kind: STORE.get(row[kind]["sha256"]) for kind in kinds if kind in row} for row in rows]
    columns = COLUMNS.append(pa.field("flac", pa.binary())) if "flac" in kinds else COLUMNS
    if any("example" in row for row in rows):
        columns = columns.append(pa.field("example", pa.string()))
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(content, columns), buffer)
    return {"sha256": STORE.put(buffer.getvalue())}


def sound_files(rows: Rows) -> dict[str, Reference]:
    """References of sounds by path below the folder of figures, as ``sounds/indoor-rtl-sparsity-50.flac``."""
    names = distinct_names([row["exhibit"] for row in rows], FILES)
    return {str(_sound_path(row, names[row["exhibit"]])): row["flac"] for row in rows if "flac" in row}


def _sound_path(row: dict[str, Any], name: str) -> Path:
    place = [row["method"], paths.level(row["sparsity"])] if row["method"] else []
    return Path(row["instance"], "sounds", f"{'-'.join([name, *place])}.flac")


PLACE = ["method", "seed", "sparsity"]


def scored(made: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Exhibits with the first metric of what they show, as text in the column ``below``; empty without one.

    It is that of their own test example where they are of one. Of all others it is that of the subset whose name an
    exhibit has, or of all together where there is none, and is called a mean where it is one.

    Args:
        made: rows of exhibits.parquet.
        tables: results and, where there are any, examples, as published.
    """
    overall = headline_means(tables["results"])
    protocol, metric = overall.protocol.iloc[0], overall.metric.iloc[0]
    results, examples = (
        table[(table.protocol == protocol) & (table.metric == metric)]
        for table in (tables["results"], tables.get("examples", tables["results"][:0].assign(example="")))
    )
    shown = made.example if "example" in made else pd.Series("", index=made.index)
    of_subsets = results.set_index([*PLACE, "subset"]).value.to_dict()
    of_examples: dict[tuple[object, ...], dict[str, float]] = {}
    asked = examples[examples.example.isin(shown)]
    for *place, example, subset, value in asked[[*PLACE, "example", "subset", "value"]].itertuples(index=False):
        of_examples.setdefault((*place, example), {})[subset] = value
    subsets, averaged = {*results.subset}, {*examples.subset}
    if averaged or subsets != {MEAN}:
        averaged.add(MEAN)

    def below(exhibit: str, example: object, *place: object) -> str:
        if isinstance(example, str) and example:
            own = of_examples.get((*place, example), {})
            value = own.get(exhibit, next(iter(own.values())) if len(own) == 1 else math.nan)
            is_mean = False
        else:
            subset = exhibit if exhibit in subsets else MEAN
            value = of_subsets.get((*place, subset), math.nan)
            is_mean = subset in averaged
        return "" if math.isnan(value) else caption_text(metric, value, is_mean)

    rows = zip(made.exhibit, shown, *(made[name] for name in PLACE), strict=True)
    return made.assign(below=[below(*row) for row in rows])


def lower_note(tables: Mapping[str, pd.DataFrame]) -> str:
    """What a title says besides of the scores in ``below``: nothing or, where lower is better, so much."""
    metric = headline_means(tables["results"]).metric.iloc[0]
    higher = higher_is_better(tables["scoring"], metric)
    return "" if higher else f", {metric_title(metric, higher)}"
