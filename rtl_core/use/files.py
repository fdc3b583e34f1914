"""Inputs in files: images, and tables of numbers."""

import csv
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
import torch
from PIL import ImageOps
from torch import Tensor

from rtl_core.description.preprocessing import Arrays, Images, Preprocessing
from rtl_core.errors import DataError
from rtl_core.problems.images.image_file import open_image, rgb_of

TABLES = (".csv", ".npy")
LARGEST = 255
"""Value of white in 8 bits."""


def read_inputs(preprocessing: Preprocessing, paths: Sequence[Path]) -> tuple[Tensor, list[str]]:
    """Inputs for ``TicketsInUse.predict``, [N, …], and what each example is called: its file, or file and row.

    An array of many examples is a file ``.npy``, or ``.csv`` with a row an example, under a line of names or none; all
    other files are images, one an example.

    Raises:
        DataError: a file is missing, unreadable, or has another size or number of channels than trained.
    """
    parts, names = [], []
    for path in paths:
        if path.suffix.lower() in TABLES:
            part = read_table(path)
            if isinstance(preprocessing, Arrays) and part[:1].numel() == prod(preprocessing.shape):
                part = part.reshape(len(part), *preprocessing.shape)
            names += [f"{path} {row + 1}" for row in range(len(part))]
        elif isinstance(preprocessing, Images):
            part = read_image(preprocessing, path).unsqueeze(0)
            names.append(str(path))
        else:
            raise DataError(f"{path}: found the suffix {path.suffix!r}; allowed: {', '.join(TABLES)}")
        parts.append(part)
    first = parts[0]
    for path, part in zip(paths, parts, strict=True):
        if part.shape[1:] != first.shape[1:]:
            raise DataError(
                f"{path}: found examples of {list(part.shape[1:])}; allowed: {list(first.shape[1:])}, as in {paths[0]}"
            )
    return torch.cat(parts), names


def read_image(preprocessing: Images, path: Path) -> Tensor:
    """An image file as the data set of the tickets has it, uint8 [C, H, W]; white becomes its largest value.

    Raises:
        DataError: it cannot be read, has another size than images that are not to be scaled, or has colours where all
            were grey.
    """
    picture, size = rgb_of(open_image(path), path), (preprocessing.width, preprocessing.height)
    if picture.size != size:
        if not preprocessing.fitted:
            given, wanted = ("×".join(map(str, pair)) for pair in (picture.size, size))
            raise DataError(f"{path}: found {given} pixels; allowed: {wanted}, as trained")
        picture = ImageOps.fit(picture, size)
    values = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    if preprocessing.channels == 1:
        if not bool((values == values[:1]).all()):
            raise DataError(f"{path}: found colours; allowed: grey, as all images that these tickets learned from")
        values = values[:1]
    elif preprocessing.channels != len(values):
        raise DataError(f"{path}: found {len(values)} channels; allowed: {preprocessing.channels}, in a file .npy")
    if preprocessing.white == LARGEST:
        return values
    return (values.double() * preprocessing.white / LARGEST).round().to(torch.uint8)


def read_table(path: Path) -> Tensor:
    """Numbers in a file ``.npy``, or ``.csv`` with a row an example, under a line of names or none: [N, …].

    Raises:
        DataError: it is missing, holds no example or something else.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        table = _of_csv(path) if path.suffix.lower() == ".csv" else _of_npy(path)
    except DataError:
        raise
    except Exception as problem:  # whatever NumPy and csv make of bytes that are not theirs
        said = " ".join(str(problem).split()).split(". ")[0][:200]  # what follows is advice to a programmer
        reason = getattr(problem, "strerror", None) or said or "it is cut short, damaged or of another kind"
        raise DataError(f"{path}: not readable as a table of numbers ({reason})") from None
    if not table.ndim or not len(table):
        raise DataError(f"{path}: holds no example; allowed: one and more, one a row")
    return table


def _of_npy(path: Path) -> Tensor:
    array = np.load(path, mmap_mode="r", allow_pickle=False)  # maps no more than there is
    return torch.from_numpy(np.array(array))


def _of_csv(path: Path) -> Tensor:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    if rows and not any(_are_numbers([cell]) for cell in rows[0]):
        del rows[0]
    for number, row in enumerate(rows, start=1):
        if not _are_numbers(row) or len(row) != len(rows[0]):
            raise DataError(f"{path}: row {number}: found {', '.join(row)[:80]!r}; allowed: {len(rows[0])} numbers")
    values = torch.tensor([[float(value) for value in row] for row in rows], dtype=torch.float64)
    is_whole = all(value.strip().lstrip("+-").isdecimal() for row in rows for value in row)
    return values.long() if is_whole else values


def _are_numbers(row: Sequence[str]) -> bool:
    try:
        [float(value) for value in row]
    except ValueError:
        return False
    return True
