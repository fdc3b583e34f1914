"""What a comparison at one level and on one seed advises: how far RTL is ahead of each rival, and what is enough."""

from collections.abc import Mapping
from math import isnan
from typing import NamedTuple

import pandas as pd

from rtl_core.doubts import is_at_chance
from rtl_core.intervals import t_interval
from rtl_core.methods import METHODS
from tasks.tables.directions import higher_is_better
from tasks.tables.names import listed, method_name, metric_name
from tasks.tables.published import instances_in
from tasks.tables.selection import headline_means, of_subsets
from tasks.tables.standings import LEAST

KINDS = ("one network", "mask control", "rtl", "K networks")
"""Of methods, the simplest first."""
CALLED = {
    "imp_single": "one mask (IMP single)",
    "shared_mask": "objectives of each subset's own under one shared mask",
    "imp_multiple": "K networks (IMP multiple)",
}
"""What is advised."""


class Difference(NamedTuple):
    """How much better one method is than another: the mean of the differences, above zero where it is better, and its
    95 % interval by Student's t; NaN where it is not defined.
    """

    mean: float
    low: float
    high: float

    @property
    def is_decided(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


class Advice(NamedTuple):
    """``scores``: a column a method, the simplest first, and a row a subset, or an instance where there are enough of
    these to tell methods apart; which, ``over`` says. ``kept`` are the prunable weights of each method, ``chance`` the
    score that chance gives, NaN where that is not known.
    """

    protocol: str
    metric: str
    higher: bool
    over: str
    scores: pd.DataFrame
    kept: dict[str, float]
    chance: float

    @property
    def rtl(self) -> str:
        """RTL under its update."""
        return next(str(method) for method in self.scores if METHODS[method].kind == "rtl")

    @property
    def rivals(self) -> dict[str, Difference]:
        """How far RTL is ahead of each other method."""
        return {method: self.lead(self.rtl, method) for method in self.scores if method != self.rtl}

    def lead(self, better: str, worse: str) -> Difference:
        """How far one method is ahead of another, from the places where both have a score."""
        sign = 1 if self.higher else -1
        differences = (sign * (self.scores[better] - self.scores[worse])).dropna()
        return Difference(float(differences.mean()), *t_interval(differences.tolist()))

    def enough(self, without: str = "") -> list[str]:
        """The methods that none is told to be ahead of, the simplest first, which is advised; of those with a score."""
        scored = [method for method in self.scores if self.scores[method].notna().any() and method != without]
        return [one for one in scored if not any(self.lead(other, one).low > 0 for other in scored)]

    def at_chance(self) -> list[str]:
        """The methods that have not learned more than chance gives, as far as these scores tell."""
        if isnan(self.chance):
            return []
        chances = [self.chance] * len(self.scores)
        return [method for method in self.scores if is_at_chance(self.scores[method].tolist(), chances, self.higher)]

    def sentence(self) -> str:
        """What to use, and why; nothing where a method is at chance: with more data it may do otherwise."""
        best = self.enough()
        if not best:
            return f"none: {metric_name(self.metric)} is not defined here."
        if weak := self.at_chance():
            return f"not decided: {listed(map(method_name, weak))} learned no more than chance gives; give more data."
        called, others = _called(best[0]), listed(map(method_name, best[1:])) if best[1:] else ""
        if len(best) == len(self.scores.columns):
            return f"not decided: no method is told to be ahead of another; {called} is the simplest."
        if others:
            return f"use {called}: it cannot be told from {others}, and is simpler."
        ahead = [self.lead(best[0], method).low > 0 for method in self.scores if method != best[0]]
        why = "it is ahead of all others" if all(ahead) else "it alone is behind no other"
        if METHODS[best[0]].kind != "K networks":
            return f"use {called}: {why}."
        (second, *_), times = self.enough(without=best[0]), self.kept[best[0]] / self.kept[self.rtl]
        return f"use {called}: {why}; or, where {times:.2g} times RTL's weights are too many, {_called(second)}."


def advice(tables: Mapping[str, pd.DataFrame]) -> Advice:
    """What published tables of one level and one seed advise.

    Scores are those that the comparison is told by, of each instance; where there are fewer than can tell methods
    apart, those of each subset (``of_subsets``), if subsets have any.

    Args:
        tables: results, scoring and parameters, as published.
    """
    results, instances = tables["results"], len(instances_in(tables))
    rows, many = of_subsets(results), f"{instances} instances" if instances > 1 else ""
    if instances >= LEAST["instances"] or rows.empty:
        rows, over = headline_means(results), many
    else:
        over = f"{len(rows) // rows.method.nunique()} subsets" + f" of {many}" * bool(many)
    scores = rows.pivot(index=[*rows.filter(["instance"]), "subset"], columns="method", values="value")
    simplest = sorted(scores, key=lambda method: KINDS.index(METHODS[method].kind))
    kept = tables["parameters"].groupby("method").union.mean()
    (protocol,), (metric,) = rows.protocol.unique(), rows.metric.unique()
    higher = higher_is_better(tables["scoring"], metric)
    scoring = tables["scoring"]
    (chance,) = scoring[(scoring.protocol == protocol) & (scoring.metric == metric)].chance
    weights = {name: float(kept[name]) for name in simplest}
    return Advice(protocol, metric, higher, over, scores[simplest], weights, float(chance))


def _called(method: str) -> str:
    return CALLED.get(method, method_name(method))
