"""The tables that hold similarity of masks against what tickets are worth."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from math import isnan, nan
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rtl_core.alignment import alignment
from rtl_core.collapse import Knee, alarm, knee
from rtl_core.errors import DataError
from rtl_core.randomness import Stream
from tasks.tables.directions import higher_is_better
from tasks.tables.names import MEAN, amount_text

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

    Raises:
        DataError: there is no such metric.
    """
    names = results.protocol + "." + results.metric
    if metric and metric not in set(names):
        raise DataError(f"collapse.metric: found {metric!r}; allowed: {', '.join(dict.fromkeys(names))}")
    chosen = results[names == (metric or names.iloc[0])]
    columns = ["method", "seed", "sparsity", "subset", "metric", "value"]
    of_tickets = overlap[overlap.masks == "rtl"].drop(columns="masks")
    return chosen[columns].merge(of_tickets, on=["seed", "sparsity", "subset"])


def knees_table(
    collapse: pd.DataFrame,
    overlap: pd.DataFrame,
    rounds: Sequence[float],
    alarms: Mapping[str, dict[str, Any] | None],
    scoring: pd.DataFrame,
) -> pd.DataFrame:
    """knees.csv: where metrics get worse (``metric``), where similarities bend (``departure``, ``excess``), each alarm.

    A metric gets worse where it falls or, if lower is better, where it rises; ``side`` and slopes are the curve's own.
    Places are sparsities, and rounds (fractional between two); bootstrap intervals are over the tickets for their
    mean, over residuals for one. Empty where a curve does not bend, or a metric does not get worse. ``method`` is whose
    masks, but for metrics. The alarm's place is the last round of the level; it rang after round ``rung``. ``lead``
    is by how many rounds similarity came first: the metric's round less its own, or less that in which the alarm rang.

    Args:
        collapse: ``collapse_table``.
        overlap: overlap.csv.
        rounds: the sparsity after each round.
        alarms: of RTL's masks by seed, as extraction heard them; those of controls are found here.
        scoring: scoring.csv.
    """
    rows: list[dict[str, Any]] = []
    for (method, seed, metric), group in collapse.groupby(["method", "seed", "metric"], sort=False):
        upwards = 1 if higher_is_better(scoring, metric) else -1
        for subset, bend in _knees(group, "value", int(seed)):
            worse = bend and upwards * bend.after < min(0, upwards * bend.before)
            rows.append(_row("metric", method, seed, subset, bend if worse else None, rounds))
    for (masks, seed), group in overlap.groupby(["masks", "seed"], sort=False):
        ring = alarms[str(seed)] if masks == "rtl" else _alarm(group, rounds)
        for curve in ("departure", "excess") if masks == "rtl" else ():
            rows += [_row(curve, masks, seed, name, bend, rounds) for name, bend in _knees(group, curve, int(seed))]
        row = {"curve": "alarm", "method": masks, "seed": seed, "subset": MEAN}
        rows.append(row | ({**ring, "round": ring["knee"]} if ring else {}))
    table = pd.DataFrame(rows, columns=KNEES)
    worse = table[(table.curve == "metric") & (table.subset == MEAN)].groupby("seed")["round"].mean()
    seen = table.rung.fillna(table["round"]).where((table.subset == MEAN) & (table.method == "rtl"))
    return table.assign(lead=(table.seed.map(worse) - seen).where(table.curve != "metric"))


def _alarm(overlap: pd.DataFrame, rounds: Sequence[float]) -> dict[str, Any] | None:
    trajectory = overlap[overlap.subset == MEAN].sort_values("sparsity").departure.tolist()
    ring = alarm(trajectory)
    return {**asdict(ring), "sparsity": rounds[ring.knee - 1]} if ring else None


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
            rank = alignment(square, semantics, Stream(int(seed)).at(analysis="alignment"))
            rows.append({"seed": seed, "over": over, "at": at, "depth": depth, **rank._asdict()})
    return pd.DataFrame(rows, columns=columns)


def function_table(across: Sequence[dict[str, Any]], metrics: Collection[str]) -> pd.DataFrame:
    """function.csv: the score of each ticket on each subset's job.

    Args:
        across: what ``score_across`` found.
        metrics: those of ``score``.

    Raises:
        DataError: the metric is none of these, so that nothing says in which direction it is read.
    """
    if unknown := [one["metric"] for one in across if one["metric"] not in metrics]:
        allowed = f"those of score(), {', '.join(metrics)}"
        raise DataError(f"across_subsets(): metric: found {unknown[0]!r}; allowed: {allowed}")
    columns = ["method", "seed", "sparsity", "ticket", "subset", "metric", "value"]
    rows = [
        {**one, "ticket": ticket, "subset": subset, "value": value}
        for one in across
        for ticket, values in zip(one["subsets"], one["scores"], strict=True)
        for subset, value in zip(one["subsets"], values, strict=True)
    ]
    return pd.DataFrame(rows, columns=columns)


def agreement_table(across: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """agreement.csv: how far each two tickets predict alike."""
    columns = ["method", "seed", "sparsity", "ticket_a", "ticket_b", "agreement"]
    rows = [
        {**one, "ticket_a": a, "ticket_b": b, "agreement": one["agreement"][i][j]}
        for one in across
        for i, a in enumerate(one["subsets"])
        for j, b in enumerate(one["subsets"])
        if i < j
    ]
    return pd.DataFrame(rows, columns=columns)


def _knees(group: pd.DataFrame, column: str, seed: int) -> list[tuple[str, Knee | None]]:
    """The knee of every ticket's curve over sparsity, and of their mean; of a figure of all tickets, of that alone."""
    of_tickets = group[group.subset != MEAN]
    rows = group if of_tickets.empty else of_tickets
    curves = rows.pivot(index="sparsity", columns="subset", values=column).sort_index()
    place = Stream(seed).at(analysis=column)
    of_each = [
        (name, knee(list(curves.index), curves[name].to_numpy(), place.at(subset=name)))
        for name in curves
        if name != MEAN
    ]
    return [*of_each, (MEAN, knee(list(curves.index), curves.to_numpy().T, place.at(subset=MEAN)))]


def _row(
    curve: str, method: object, seed: object, subset: str, bend: Knee | None, rounds: Sequence[float]
) -> dict[str, Any]:
    row: dict[str, Any] = {"curve": curve, "method": method, "seed": seed, "subset": subset}
    if bend:
        numbers = np.arange(1, len(rounds) + 1)
        row |= {
            "sparsity": bend.at, "low": bend.low, "high": bend.high,
            "round": float(np.interp(bend.at, rounds, numbers)),
            "side": "rise" if bend.after > bend.before else "fall",
            "slope_before": bend.before, "slope_after": bend.after,
        }  # fmt: skip
    return row


FEWEST_TICKETS = 3
"""So many tickets a level needs for a rank correlation of its own."""


def correlation(rows: pd.DataFrame, measure: str, higher_is_better: bool) -> str:
    """Spearman's ρ of worth and a measure over all points, and its mean over the tickets of one level each.

    Of a metric of which lower is better, worth is the negative.
    """
    rows = rows if higher_is_better else rows.assign(value=-rows["value"])
    levels = rows.groupby(["sparsity", *rows.filter(["seed", "instance"])], sort=False)
    within = pd.Series([_rho(level, measure) for _, level in levels]).mean()
    rhos = {"over all": _rho(rows, measure), "within a level": within}
    texts = [f"{amount_text(rho, nan, nan)} {where}" for where, rho in rhos.items() if not isnan(rho)]
    return f"ρ = {', '.join(texts)}" if texts else ""


def _rho(rows: pd.DataFrame, measure: str) -> float:
    """Spearman's ρ; NaN for too few tickets, or where all are alike."""
    pair = rows[["value", measure]].dropna()
    if len(pair) < FEWEST_TICKETS or pair.nunique().min() == 1:
        return float("nan")
    from scipy.stats import spearmanr  # takes half a second to import

    return float(spearmanr(pair["value"], pair[measure]).statistic)
