"""Scores are whole before anything is computed from them: typed, with a mean and a direction for every metric."""

import math

import pytest
import torch

from rtl_core.errors import DataError, SettingsError
from rtl_core.problem import Score
from rtl_core.scoring import complete_scores, direction_of

SUBSETS = ("cat", "dog")


def test_a_missing_mean_is_derived():
    rows = [Score("plain", "mse", "cat", 1.0), Score("plain", "mse", "dog", 2.0), Score("plain", "mae", "mean", 0.5)]
    found = complete_scores(rows, SUBSETS)
    assert [row[:4] for row in found] == [*(row[:4] for row in rows), ("plain", "mse", "mean", 1.5)]
    assert all(row.higher_is_better is False for row in found)


def test_of_examples_alone_each_subset_weighs_the_same():
    values = {"cat": [1.0, 2.0, 3.0], "dog": [10.0]}
    rows = [
        Score("plain", "psnr", name, value, f"{name} {n}") for name in SUBSETS for n, value in enumerate(values[name])
    ]
    found = {row.subset: row.value for row in complete_scores(rows, SUBSETS) if not row.example}
    assert found == {"cat": 2.0, "dog": 10.0, "mean": 6.0}


def test_what_is_undefined_is_left_out_and_so_is_a_mean_of_it():
    rows = [
        Score("plain", "mse", "cat", math.nan),
        Score("plain", "mse", "dog", 2.0),
        Score("plain", "mae", "cat", 1.0),
    ]
    found = [row[:3] for row in complete_scores(rows, SUBSETS)]
    assert found == [("plain", "mse", "dog"), ("plain", "mae", "cat"), ("plain", "mae", "mean")]


def test_whole_rows_come_back_as_they_are():
    rows = [Score("plain", "gain", name, 1.0, "", False, 0.0) for name in (*SUBSETS, "mean")]
    assert complete_scores(rows, SUBSETS) == rows


@pytest.mark.parametrize(
    ("metric", "direction"),
    [("mse", False), ("mean_squared_error", False), ("AUROC", True), ("psnr", True), ("ssim", True), ("gain", None)],
)
def test_torchmetrics_knows_directions(metric, direction):
    assert direction_of(metric) is direction


@pytest.mark.parametrize(
    ("rows", "error", "line"),
    [
        ([], DataError, "no score"),
        ([("plain", "mse", "cat", 1.0)], DataError, "found a tuple"),
        ([Score("plain", "mse", "cow", 1.0)], DataError, "unknown subset"),
        ([Score("plain", "mse", "cat", torch.tensor(1.0))], DataError, "found Tensor"),
        ([Score("plain", "mse", "cat", math.inf)], DataError, "found inf"),
        ([Score("plain", "mse", "cat", 1.0), Score("plain", "mse", "cat", 2.0)], DataError, "twice"),
        ([Score("plain", "gain", "cat", 1.0)], SettingsError, "higher_is_better=True"),
        (
            [Score("plain", "mse", "cat", 1.0, "", True), Score("plain", "mse", "dog", 1.0, "", False)],
            SettingsError,
            "both True and False",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(rows, error, line):
    with pytest.raises(error, match=line):
        complete_scores(rows, SUBSETS)
