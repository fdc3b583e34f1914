"""Which region unlabelled pixels and fragments belong to."""

from collections import Counter
from collections.abc import Sequence
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

from rtl_core.errors import DataError
from rtl_core.problems.regions.map_file import Labels


def settle(regions: Labels, smallest: int) -> Labels:
    """Hand unlabelled pixels and fragments to the region that surrounds them most.

    A piece is a 4-connected set of pixels with one label. First each unlabelled piece, then, the smallest first, each
    piece of fewer than ``smallest`` pixels takes the label that it shares the longest border with, of equal ones the
    smaller; and so on, until every piece is large enough or a single one is left. Other pieces stay as they are.

    Args:
        regions: int [H, W], 0 = unlabelled.
        smallest: pixels of the smallest piece that stays.

    Raises:
        DataError: no pixel is labelled.
    """
    if not regions.any():
        raise DataError("found no labelled pixel; allowed: a map with labels other than 0")
    pieces, labels = _pieces(regions)
    borders = _borders(pieces, len(labels))
    sizes = np.bincount(pieces.ravel()).tolist()
    part_of = list(range(len(labels)))
    waiting = [(labels[p] != 0, sizes[p], p) for p in part_of if labels[p] == 0 or sizes[p] < smallest]
    heapify(waiting)
    while waiting:
        _, size, piece = heappop(waiting)
        if part_of[piece] != piece or sizes[piece] != size or not borders[piece]:
            continue
        label = _surrounding(labels, borders[piece])
        united = [piece, *(p for p in borders[piece] if labels[p] == label)]
        kept = max(united, key=lambda p: len(borders[p]))  # so that the longest list of neighbours need not move
        united.remove(kept)
        _unite(kept, united, borders)
        labels[kept] = label
        for part in united:
            part_of[part] = kept
            sizes[kept] += sizes[part]
        if sizes[kept] < smallest:
            heappush(waiting, (True, sizes[kept], kept))
    whole = np.array(part_of)
    while (whole[whole] != whole).any():
        whole = whole[whole]
    settled: Labels = np.array(labels, regions.dtype)[whole][pieces]
    return settled


def _pieces(regions: Labels) -> tuple[NDArray[np.intp], list[int]]:
    """The piece that each pixel belongs to, int [H, W] from 0, and the label of each."""
    from scipy import ndimage  # takes half a second to import

    height, width = regions.shape
    # Pixels are two apart, and the cell between neighbours is open where they are alike: one labelling for all labels.
    cells = np.zeros((2 * height - 1, 2 * width - 1), dtype=bool)
    cells[::2, ::2] = True
    cells[1::2, ::2] = regions[1:] == regions[:-1]
    cells[::2, 1::2] = regions[:, 1:] == regions[:, :-1]
    connected, count = ndimage.label(cells)
    pieces = connected[::2, ::2].astype(np.intp) - 1
    labels = np.zeros(count, regions.dtype)
    labels[pieces] = regions
    return pieces, labels.tolist()


def _borders(pieces: NDArray[np.intp], count: int) -> list[Counter[int]]:
    """For each piece the pixel sides that it shares with each of its neighbours."""
    pairs = np.concatenate(
        [
            np.stack([one.ravel(), other.ravel()])
            for one, other in ((pieces[1:], pieces[:-1]), (pieces[:, 1:], pieces[:, :-1]))
        ],
        axis=1,
    )
    pairs.sort(axis=0)
    keys, lengths = np.unique((pairs[0] * count + pairs[1])[pairs[0] != pairs[1]], return_counts=True)
    borders: list[Counter[int]] = [Counter() for _ in range(count)]
    for key, length in zip(keys.tolist(), lengths.tolist(), strict=True):
        one, other = divmod(key, count)
        borders[one][other] = borders[other][one] = length
    return borders


def _surrounding(labels: Sequence[int], border: Counter[int]) -> int:
    """The label with the longest border, of equal ones the smallest."""
    lengths: Counter[int] = Counter()
    for piece, length in border.items():
        lengths[labels[piece]] += length
    return min(lengths, key=lambda label: (-lengths[label], label))


def _unite(kept: int, united: Sequence[int], borders: list[Counter[int]]) -> None:
    for piece in united:
        for neighbour, length in borders[piece].items():
            del borders[neighbour][piece]
            if neighbour != kept:
                borders[kept][neighbour] += length
                borders[neighbour][kept] += length
        borders[piece] = Counter()
