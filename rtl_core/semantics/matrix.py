"""How alike the subsets are in meaning."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from rtl_core.errors import DataError


def read_semantics(path: Path, subsets: Sequence[str]) -> Tensor:
    """Read how alike the subsets are in meaning: float64 [K, K], in the order of ``subsets``.

    The file is a CSV: a header row of names after an empty cell, then one row per name, in the same order, of its
    name and its similarity to each. It may hold more names than ``subsets``.

    Raises:
        DataError: the file is missing, is no symmetric matrix of numbers, or lacks a subset.
    """
    names, values = _read_table(path)
    matrix = torch.tensor(values, dtype=torch.float64)
    if uneven := (~torch.isclose(matrix, matrix.T)).nonzero().tolist():
        i, j = uneven[0]
        raise DataError(
            f"{path}: {names[i]}, {names[j]} is {values[i][j]} but {names[j]}, {names[i]} is {values[j][i]}; "
            "allowed: a symmetric matrix"
        )
    for subset in subsets:
        if subset not in names:
            raise DataError(f"{path}: no row for subset {subset!r}; found {', '.join(names)}; allowed: one per subset")
    order = [names.index(subset) for subset in subsets]
    return matrix[order][:, order]


def _read_table(path: Path) -> tuple[list[str], list[list[float]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = [row for row in csv.reader(file, strict=True) if row] or [[]]
    except OSError as problem:
        raise DataError(f"{path}: not readable ({problem.strerror}); allowed: a CSV of similarities") from None
    except (UnicodeDecodeError, csv.Error) as problem:
        raise DataError(f"{path}: not a CSV ({problem}); allowed: a CSV of similarities in UTF-8") from None
    names = header[1:]
    if not names or len(rows) != len(names):
        raise DataError(f"{path}: {len(rows)} row(s) under {len(names)} name(s); allowed: a square matrix")
    if len(set(names)) < len(names):
        raise DataError(f"{path}: a name stands twice in {', '.join(names)}; allowed: different names")
    return names, [_read_row(path, names, name, row) for name, row in zip(names, rows, strict=True)]


def _read_row(path: Path, names: Sequence[str], name: str, row: Sequence[str]) -> list[float]:
    if row[0] != name:
        raise DataError(f"{path}: found row {row[0]!r}; allowed: {name!r}, as the rows repeat the header's order")
    if len(row) - 1 != len(names):
        raise DataError(f"{path}: row {name} has {len(row) - 1} value(s); allowed: {len(names)}, a square matrix")
    return [_read_cell(path, f"{name}, {column}", cell) for column, cell in zip(names, row[1:], strict=True)]


def _read_cell(path: Path, place: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{path}: {place} is {cell!r}; allowed: a finite number")
    return value
