"""The tables that the compare stage published, read back."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import pandas as pd

from rtl_core.errors import DataError
from rtl_core.similarity import ALL, DEPTHS

REQUIRED = ("results", "summary", "scoring", "parameters")
OPTIONAL = (
    "similarity", "overlap", "pairs", "collapse", "knees", "function", "agreement", "alignment", "exhibits",
    "examples", "margins", "doubts", "routing",
)  # fmt: skip
SHOWN_PAIRS = [("masks", "==", "rtl"), ("layer", "in", [ALL, *DEPTHS])]
"""The part of pairs.parquet, a large file with all controls and layers, that figures are made from."""
TEXT = (
    "problem", "instance", "method", "against", "protocol", "metric", "masks", "layer", "curve", "over", "depth",
    "subset", "subset_a", "subset_b", "ticket", "ticket_a", "ticket_b", "kind", "text", "router",
)  # fmt: skip
"""Columns that hold names: a subset may well be called 7 or NA, an instance 000000000139."""


def read_tables(folder: Path, names: Sequence[str] = (*REQUIRED, *OPTIONAL)) -> dict[str, pd.DataFrame]:
    """Tables by file stem, from CSV or Parquet; an optional one that is not there is left out.

    Args:
        folder: where they lie.
        names: the tables to read.

    Raises:
        DataError: the compare stage has not run.
    """
    tables = {}
    for name in names:
        if (path := folder / f"{name}.csv").is_file():
            tables[name] = read_csv(path)
        elif (parquet := folder / f"{name}.parquet").is_file():
            tables[name] = pd.read_parquet(parquet, filters=SHOWN_PAIRS if name == "pairs" else None)
        elif name in REQUIRED:
            raise DataError(f"{path}: not found; run `dvc repro` first")
    return tables


def doubt_lines(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """What speaks against a whole run, or one instance where the tables are its own: lines, none where nothing does."""
    doubts = tables.get("doubts", pd.DataFrame(columns=["text"]))
    return list(doubts.text[doubts.instance.isna()] if "instance" in doubts else doubts.text)


def instances_in(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """The instances that results are of; none where the problem is the one job."""
    results = tables["results"]
    return list(results.instance.unique()) if "instance" in results else []


def of_instance(tables: Mapping[str, pd.DataFrame], instance: str) -> dict[str, pd.DataFrame]:
    """The tables of one instance alone: what they would be if it were the one job.

    But for chance, which scoring.csv has of all instances together.
    """
    from tasks.tables.margins import margins_table  # SciPy takes a second to import
    from tasks.tables.scores import summary_table

    own = {
        name: table[table.instance == instance].drop(columns="instance").reset_index(drop=True)
        for name, table in tables.items()
        if "instance" in table
    }
    scoring = tables["scoring"].drop(columns="chance")
    made = {"margins": margins_table(own["examples"], scoring)} if "examples" in own else {}
    return {**own, **made, "summary": summary_table(own["results"]), "scoring": scoring}


def read_csv(source: Path | BytesIO) -> pd.DataFrame:
    """A published table, from its file or bytes; one of no column where it is empty."""
    try:
        return pd.read_csv(source, dtype=dict.fromkeys(TEXT, str), keep_default_na=False, na_values=[""])
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
