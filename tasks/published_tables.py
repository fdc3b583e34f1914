"""The tables that the compare stage published, read back."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rtl_core.errors import DataError
from rtl_core.similarity import ALL, DEPTHS

REQUIRED = ("results", "summary", "parameters")
OPTIONAL = ("similarity", "overlap", "pairs", "collapse", "knees", "function", "agreement", "alignment")
SHOWN_PAIRS = [("masks", "==", "rtl"), ("layer", "in", [ALL, *DEPTHS])]
"""Of pairs.parquet, with all controls and layers a large file, what figures are made from."""
TEXT = (
    "problem", "method", "protocol", "metric", "masks", "layer", "curve", "over", "depth",
    "subset", "subset_a", "subset_b", "ticket", "ticket_a", "ticket_b",
)  # fmt: skip
"""Columns that hold names: a subset may well be called 7 or NA."""


def read_tables(folder: Path, names: Sequence[str] = (*REQUIRED, *OPTIONAL)) -> dict[str, pd.DataFrame]:
    """Tables by file stem, from CSV or Parquet; an optional one that is not there is left out.

    Args:
        folder: ``artifacts/<problem>``.
        names: the tables to read.

    Raises:
        DataError: the compare stage has not run.
    """
    tables = {}
    for name in names:
        if (path := folder / f"{name}.csv").is_file():
            tables[name] = _read_csv(path)
        elif (parquet := folder / f"{name}.parquet").is_file():
            tables[name] = pd.read_parquet(parquet, filters=SHOWN_PAIRS)
        elif name in REQUIRED:
            raise DataError(f"{path}: not found; run `dvc repro` first")
    return tables


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype=dict.fromkeys(TEXT, str), keep_default_na=False, na_values=[""])
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
