"""The tables that hold similarity of masks against what tickets are worth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rtl_core.alignment import alignment
from rtl_core.collapse import Knee, alarm, knee
from rtl_core.randomness import Stream
from tasks.similarity_tables import MEAN

KNEES = [
    "curve", "method", "seed", "subset", "sparsity", "low", "high", "round", "rung", "side",
    "slope_before", "slope_after",
]  # fmt: skip


def collapse_table(results: pd.DataFrame, overlap: pd.DataFrame, metric: str | None) -> pd.DataFrame:
    """collapse.csv: the worth of each ticket, and their mean, beside its mean similarity to the others.

    Args:
        results: rows of results.csv of one method.
        overlap: overlap.csv.
        metric: ``protocol.metric``; None takes the first.
    """
    names = results.protocol + "." + results.metric
    chosen = results[names == (metric or names.iloc[0])]
    columns = ["method", "seed", "sparsity", "subset", "metric", "value"]
    of_tickets = overlap[overlap.masks == "rtl"].drop(columns="masks")
    return chosen[columns].merge(of_tickets, on=["seed", "sparsity", "subset"])


def knees_table(collapse: pd.DataFrame, overlap: pd.DataFrame, rounds: Sequence[float]) -> pd.DataFrame:
    """knees.csv: where metrics fall (``metric``), where similarity bends (``departure``), and each alarm (``alarm``).

    Places are sparsities, and rounds (fractional between two); bootstrap intervals are over the tickets for their
    mean, over residuals for one. Empty where a curve does not bend, or a metric does not fall. ``method`` is whose
    masks, for the latter two. The alarm's place is the last round of the level; it rang after round ``rung``.

    Args:
        collapse: ``collapse_table``.
        overlap: overlap.csv.
        rounds: the sparsity after each round.
    """
    rows: list[dict[str, Any]] = []
    for (method, seed), group in collapse.groupby(["method", "seed"], sort=False):
        for subset, found in _knees(group, "value", int(seed)):
            falls = found and found.after < min(0, found.before)
            rows.append(_row("metric", method, seed, subset, found if falls else None, rounds))
    for (masks, seed), group in overlap.groupby(["masks", "seed"], sort=False):
        if masks == "rtl":
            bends = _knees(group, "departure", int(seed))
            rows += [_row("departure", masks, seed, subset, found, rounds) for subset, found in bends]
        rows.append({"curve": "alarm", "method": masks, "seed": seed, "subset": MEAN})
        if ring := alarm(group[group.subset == MEAN].sort_values("sparsity").departure.tolist()):
            place = {"sparsity": rounds[ring.knee - 1], "round": ring.knee, "rung": ring.rung, "side": ring.side}
            rows[-1] |= place
    return pd.DataFrame(rows, columns=KNEES)


def alignment_table(
    over_sparsity: pd.DataFrame, over_epochs: pd.DataFrame, semantics: Tensor | None, subsets: Sequence[str]
) -> pd.DataFrame:
    """alignment.csv: Spearman's ρ of mask similarity and similarity in meaning, by depth, with permutation p.

    Args:
        over_sparsity: rows of pairs.parquet of RTL, by depth.
        over_epochs: the same at one sparsity, with the epoch in the column ``sparsity``.
        semantics: float [K, K] in the order of ``subsets``; None leaves the table empty, and
                so do two subsets, which have but one pair.
        subsets: K names.
    """
    columns = ["seed", "over", "at", "depth", "rho", "p"]
    if semantics is None or len(subsets) < 3:
        return pd.DataFrame(columns=columns)
    number = {name: place for place, name in enumerate(subsets)}
    rows = []
    for over, pairs in (("sparsity", over_sparsity), ("epoch", over_epochs)):
        for (seed, at, depth), group in pairs.groupby(["seed", "sparsity", "layer"], sort=False, observed=True):
            square = torch.eye(len(subsets), dtype=torch.float64)
            a, b = (group[end].astype(str).map(number).tolist() for end in ("subset_a", "subset_b"))
            square[a, b] = square[b, a] = torch.tensor(group.jaccard.tolist(), dtype=torch.float64)
            found = alignment(square, semantics, Stream(int(seed)).at(analysis="alignment"))
            rows.append({"seed": seed, "over": over, "at": at, "depth": depth, **found._asdict()})
    return pd.DataFrame(rows, columns=columns)


def function_table(across: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """function.csv: the score of each ticket on each subset's job."""
    columns = ["method", "seed", "sparsity", "ticket", "subset", "metric", "value"]
    rows = [
        {**found, "ticket": ticket, "subset": subset, "value": value}
        for found in across
        for ticket, values in zip(found["subsets"], found["scores"], strict=True)
        for subset, value in zip(found["subsets"], values, strict=True)
    ]
    return pd.DataFrame(rows, columns=columns)


def agreement_table(across: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """agreement.csv: how far each two tickets predict alike."""
    columns = ["method", "seed", "sparsity", "ticket_a", "ticket_b", "agreement"]
    rows = [
        {**found, "ticket_a": a, "ticket_b": b, "agreement": found["agreement"][i][j]}
        for found in across
        for i, a in enumerate(found["subsets"])
        for j, b in enumerate(found["subsets"])
        if i < j
    ]
    return pd.DataFrame(rows, columns=columns)


def _knees(group: pd.DataFrame, column: str, seed: int) -> list[tuple[str, Knee | None]]:
    """The knee of every ticket's curve over sparsity, and of their mean."""
    curves = group[group.subset != MEAN].pivot(index="sparsity", columns="subset", values=column).sort_index()
    place = Stream(seed).at(analysis=column)
    found = [(name, knee(list(curves.index), curves[name].to_numpy(), place.at(subset=name))) for name in curves]
    return [*found, (MEAN, knee(list(curves.index), curves.to_numpy().T, place.at(subset=MEAN)))]


def _row(
    curve: str, method: object, seed: object, subset: str, found: Knee | None, rounds: Sequence[float]
) -> dict[str, Any]:
    row: dict[str, Any] = {"curve": curve, "method": method, "seed": seed, "subset": subset}
    if found:
        numbers = np.arange(1, len(rounds) + 1)
        row |= {
            "sparsity": found.at, "low": found.low, "high": found.high,
            "round": float(np.interp(found.at, rounds, numbers)),
            "side": "rise" if found.after > found.before else "fall",
            "slope_before": found.before, "slope_after": found.after,
        }  # fmt: skip
    return row
