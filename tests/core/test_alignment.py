"""Rank correlation of two similarities, and how sure it is."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from rtl_core.alignment import alignment
from rtl_core.randomness import Stream


def symmetric(count, seed):
    values = torch.rand(count, count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return values + values.T


def test_rho_is_scipys_also_with_ties():
    a, b = symmetric(8, 0), (3 * symmetric(8, 1)).round()
    rows, columns = np.triu_indices(8, 1)
    expected = spearmanr(a.numpy()[rows, columns], b.numpy()[rows, columns]).statistic
    assert alignment(a, b, Stream(0)).rho == pytest.approx(expected)


def test_a_matrix_agrees_with_itself_and_surely_so():
    found = alignment(symmetric(10, 0), symmetric(10, 0), Stream(0))
    assert found.rho == pytest.approx(1)
    assert found.p < 0.001


def test_unrelated_matrices_are_seldom_significant():
    found = [alignment(symmetric(10, seed), symmetric(10, 1000 + seed), Stream(seed)).p for seed in range(100)]
    assert sum(p < 0.05 for p in found) <= 11  # 5 expected, 11 in 1 of 200 such tests


def test_the_diagonal_does_not_count():
    a, b = symmetric(6, 0), symmetric(6, 1)
    assert alignment(a + 5 * torch.eye(6), b, Stream(0)) == alignment(a, b, Stream(0))


def test_equal_values_have_no_correlation_and_bad_shapes_are_refused():
    assert math.isnan(alignment(torch.ones(4, 4), symmetric(4, 0), Stream(0)).rho)
    with pytest.raises(ValueError, match="K of 3 or more"):
        alignment(torch.ones(2, 2), torch.ones(2, 2), Stream(0))
