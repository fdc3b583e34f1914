"""Which cluster a CSV file puts each class into: columns ``class`` and ``cluster``, one row a class."""

import csv
from collections.abc import Sequence
from pathlib import Path
from unicodedata import normalize

from rtl_core.errors import DataError

COLUMNS = ["class", "cluster"]
ALLOWED = "allowed: a CSV file in UTF-8 with the columns class,cluster"


def read_cluster_table(path: Path, classes: Sequence[str]) -> dict[str, str]:
    """Class → cluster, in the file's order, for each of ``classes`` and no other.

    Raises:
        DataError: the file is missing, not readable or of other columns; a class is missed, named twice or not the
            data set's; a cluster has no name or is called ``mean``; or there is only one.
    """
    cluster_of: dict[str, str] = {}
    for number, row in _rows(path):
        if len(row) != len(COLUMNS):
            raise DataError(f"{path}: line {number} has {len(row)} value(s); allowed: 2, a class and its cluster")
        name, cluster = (normalize("NFC", cell.strip()) for cell in row)
        if name not in classes:
            raise DataError(f"{path}: line {number} has class {name!r}; allowed: {', '.join(_few(classes))}")
        if name in cluster_of:
            raise DataError(f"{path}: line {number} has class {name!r} again; allowed: one row for each class")
        if not cluster or cluster == "mean":
            raise DataError(f"{path}: line {number} has cluster {cluster!r}; allowed: a name other than 'mean'")
        cluster_of[name] = cluster
    if missed := [name for name in classes if name not in cluster_of]:
        raise DataError(f"{path}: no row for class {missed[0]!r} ({len(missed)} missed); allowed: one for each class")
    if len(set(cluster_of.values())) < 2:
        raise DataError(f"{path}: found one cluster, {cluster_of[classes[0]]!r}; allowed: two or more")
    return cluster_of


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Each row after the header that is not blank, and the line where it ends."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header, *rows = [(reader.line_num, row) for row in reader if row] or [(1, [])]
    except OSError as problem:
        raise DataError(f"{path}: not readable ({problem.strerror}); {ALLOWED}") from None
    except (UnicodeDecodeError, csv.Error) as problem:
        raise DataError(f"{path}: not a CSV ({problem}); {ALLOWED}") from None
    if [cell.strip() for cell in header[1]] != COLUMNS:
        raise DataError(f"{path}: found the columns {','.join(header[1])!r}; {ALLOWED}")
    return rows


def _few(classes: Sequence[str]) -> list[str]:
    return [*classes] if len(classes) <= 10 else [*classes[:10], f"… ({len(classes)} in all)"]
