"""Whether masks are alike where their subsets are alike in meaning."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rtl_core.randomness import Stream

PERMUTATIONS = 9999


class Alignment(NamedTuple):
    """Spearman's ρ over the pairs of subsets, and how often chance would give one as far from zero."""

    rho: float
    p: float


def alignment(similarity: Tensor, semantics: Tensor, stream: Stream) -> Alignment:
    """Spearman rank correlation of two symmetric matrices, float [K, K], off the diagonal (paper section 6).

    Pairs that share a subset are not independent, so p is that of a Mantel test: subsets are renamed at random,
    two-sided. (nan, nan) where all values of one matrix are equal.

    Raises:
        ValueError: fewer than three subsets, or matrices of different size.
    """
    count = len(similarity)
    if count < 3 or similarity.shape != (count, count) or semantics.shape != (count, count):
        raise ValueError(f"two [K, K] matrices with K of 3 or more; found {similarity.shape} and {semantics.shape}")
    a, b = np.triu_indices(count, 1)
    masks, meaning = (_ranks(matrix.double().numpy()[a, b]) for matrix in (similarity, semantics))
    if not masks.any() or not meaning.any():
        return Alignment(float("nan"), float("nan"))
    square = np.zeros((count, count))
    square[a, b] = square[b, a] = masks
    generator = stream.at(draw="permutations").generator()
    orders = torch.rand(PERMUTATIONS, count, generator=generator).argsort(dim=1).numpy()
    rho = float(masks @ meaning)
    parts = np.array_split(orders, 20)  # all at once would take gigabytes for a hundred subsets
    renamed = np.concatenate([square[part[:, a], part[:, b]] @ meaning for part in parts])
    extreme = int((np.abs(renamed) >= abs(rho) - 1e-12).sum())
    return Alignment(rho, (extreme + 1) / (PERMUTATIONS + 1))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks, ties averaged, centred and of unit length: the product of two is Spearman's ρ."""
    from scipy.stats import rankdata  # takes half a second to import

    centred = rankdata(values) - (len(values) + 1) / 2
    length = np.linalg.norm(centred)
    return np.asarray(centred / length if length else centred)
