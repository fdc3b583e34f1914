"""Which method leads at one sparsity, and which cannot be told from it."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import NamedTuple

import pandas as pd

from rtl_core.errors import DataError
from rtl_core.intervals import spread, t_interval
from tasks.tables.directions import higher_is_better
from tasks.tables.names import MEAN
from tasks.tables.selection import headline

SHOWN_FIRST = 0.75
"""The sparsity that is shown first: the largest compared up to the last one of the paper's tables."""


class Standing(NamedTuple):
    """A method at one sparsity under one metric: its mean over seeds and instances, the reach of these (``low``,
    ``high``; NaN where there is one) and the t interval of the mean (``t_low``, ``t_high``).

    ``kept`` is the number of prunable weights in the union of its masks, ``of_single`` that number divided by IMP
    single's (NaN where this was not compared). ``leads`` says that no method is told to be better: that of the best
    mean, and those level with it.
    """

    method: str
    mean: float
    low: float
    high: float
    t_low: float
    t_high: float
    kept: float
    of_single: float
    leads: bool


LEAST = {"instances": 5, "seeds": 3}
"""Fewer values tell no two methods apart: of two that are equal, one would be ahead of the other too often by chance,
on all of four instances in one of eight comparisons, and with all of two seeds in one of three.
"""


class Lead(NamedTuple):
    """How much better one method is than another: the mean difference, above zero where it is better, and its reach
    (NaN where it was measured once). ``told`` says that the two can be told apart.
    """

    difference: float
    low: float
    high: float
    told: bool


def standings(
    tables: Mapping[str, pd.DataFrame],
    level: float,
    score: tuple[str, str] | None = None,
    subset: str = MEAN,
    among: Sequence[str] | None = None,
) -> list[Standing]:
    """Methods, the best mean first; those without a score are left out.

    Args:
        tables: results, scoring and parameters, as published.
        level: a sparsity compared.
        score: protocol and metric; by default the headline's.
        subset: one of the subsets, or the mean over them.
        among: the methods that are held against one another; by default all.

    Raises:
        DataError: nothing was scored there.
    """
    protocol, metric = score or headline(tables["results"])
    values = values_at(tables["results"], level, (protocol, metric), subset)
    values = values[[method for method in values if among is None or method in among]]
    if values.empty:
        raise DataError(f"results.csv: no score of {metric} ({protocol} protocol) of {subset} at sparsity {level:g}")
    higher = higher_is_better(tables["scoring"], metric)
    order = values.mean().sort_values(ascending=not higher, kind="stable")
    kept = tables["parameters"][tables["parameters"].sparsity == level].groupby("method").union.mean()
    best = values[order.index[0]]
    return [
        Standing(
            str(method),
            float(mean),
            *spread(values[method].tolist()),
            *t_interval(values[method].tolist()),
            float(kept[method]),
            float(kept[method] / kept.get("imp_single", float("nan"))),
            not lead(best, values[method], higher).told,
        )
        for method, mean in order.items()
    ]


def marked_in(rows: Sequence[Standing]) -> set[str]:
    """The methods that are marked as the best among standings: all that lead, and the first where each was measured
    once, which tells nothing of how far others are behind.
    """
    if len(rows) > 1 and all(isnan(row.low) for row in rows):
        return {rows[0].method}
    return {row.method for row in rows if row.leads}


def marked(tables: Mapping[str, pd.DataFrame], among: Sequence[str]) -> set[tuple[str, str, str, float]]:
    """Protocol, metric, method and sparsity of every mean over subsets that is marked as the best.

    Args:
        tables: results, scoring and parameters, as published.
        among: the methods that are held against one another.
    """
    means = tables["results"][lambda rows: rows.subset == MEAN].dropna(subset="value")
    places = means[["protocol", "metric", "sparsity"]].drop_duplicates()
    return {
        (protocol, metric, method, level)
        for protocol, metric, level in places.itertuples(index=False, name=None)
        if {*among} & {*values_at(tables["results"], level, (protocol, metric))}
        for method in marked_in(standings(tables, level, (protocol, metric), among=among))
    }


def values_at(results: pd.DataFrame, level: float, score: tuple[str, str], subset: str = MEAN) -> pd.DataFrame:
    """The scores at one level, a column a method and a row a seed (and instance); methods that lack one are left out.

    Args:
        results: results.csv.
        level: a sparsity compared.
        score: protocol and metric.
        subset: one of the subsets, or the mean over them.
    """
    protocol, metric = score
    rows = results[(results.sparsity == level) & (results.protocol == protocol) & (results.metric == metric)]
    rows = rows[rows.subset == subset]
    places = [column for column in ("instance", "seed") if column in rows]
    order = list(rows.method.unique())
    return rows.pivot(index=places, columns="method", values="value")[order].dropna(axis="columns")


def lead(better: pd.Series, worse: pd.Series, higher: bool) -> Lead:
    """How far one method is ahead of another, from their columns of ``values_at``.

    Instances differ more among one another than methods do, so where there are several the two are compared on each:
    they are told apart where the reach of the differences leaves zero out. The values of one instance's seeds are told
    apart where their reaches do not overlap. Fewer than ``LEAST`` tell nothing.
    """
    sign, (what, count) = 1 if higher else -1, repeats(better)
    differences = sign * (better - worse)
    enough = count >= LEAST[what]
    if what == "instances":
        low, high = spread(differences.groupby("instance").mean().tolist())
        return Lead(float(differences.mean()), low, high, enough and low > 0)
    ours, theirs = spread((sign * better).tolist()), spread((sign * worse).tolist())
    return Lead(float(differences.mean()), *spread(differences.tolist()), enough and ours[0] > theirs[1])


def repeats(values: pd.Series | pd.DataFrame) -> tuple[str, int]:
    """What values of ``values_at`` are repeated over, ``instances`` or, of one, ``seeds``, and how many there are."""
    if "instance" in values.index.names and (count := values.index.get_level_values("instance").nunique()) > 1:
        return "instances", count
    return "seeds", len(values)


def shown_first(results: pd.DataFrame) -> float:
    """The sparsity that a page or a table begins with."""
    levels = sorted(results.sparsity.unique())
    return float(max([level for level in levels if level <= SHOWN_FIRST], default=levels[0]))
