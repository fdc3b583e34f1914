"""What a comparison at one level and on one seed advises: how far RTL is ahead of each rival, and what is enough."""

from collections.abc import Mapping
from math import nan
from typing import NamedTuple

import pandas as pd

from rtl_core.intervals import t_interval
from rtl_core.methods import METHODS
from tasks.tables.directions import higher_is_better
from tasks.tables.doubts import at_chance_in
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
    """``scores``: a column a method, the simplest first, and a row a subset or, where there are several, an instance,
    as ``over`` says; they are ``few`` where they tell no two methods apart. ``kept`` are the prunable weights of each
    method; those ``at_chance`` have learned no more than chance gives.
    """

    protocol: str
    metric: str
    higher: bool
    over: str
    few: bool
    scores: pd.DataFrame
    kept: dict[str, float]
    at_chance: tuple[str, ...]

    @property
    def rtl(self) -> str:
        """RTL under its update."""
        return next(str(method) for method in self.scores if METHODS[method].kind == "rtl")

    @property
    def rivals(self) -> dict[str, Difference]:
        """How far RTL is ahead of each other method."""
        return {method: self.lead(self.rtl, method) for method in self.scores if method != self.rtl}

    @property
    def has_intervals(self) -> bool:
        """Whether there are places enough to tell methods apart."""
        return bool(self.over) and not self.few

    def lead(self, better: str, worse: str) -> Difference:
        """How far one method is ahead of another, from the places where both have a score."""
        sign = 1 if self.higher else -1
        differences = (sign * (self.scores[better] - self.scores[worse])).dropna()
        return Difference(float(differences.mean()), *((nan, nan) if self.few else t_interval(differences.tolist())))

    def enough(self, without: str = "") -> list[str]:
        """The methods that none is told to be ahead of, the simplest first, which is advised; of those with a score."""
        scored = [method for method in self.scores if self.scores[method].notna().any() and method != without]
        return [one for one in scored if not any(self.lead(other, one).low > 0 for other in scored)]

    def sentence(self) -> str:
        """What to use, and why; nothing where a method is at chance: with more data it may do otherwise."""
        scored = [method for method in self.scores if self.scores[method].notna().any()]
        if lacking := [method for method in self.scores if method not in scored]:
            return f"not decided: {metric_name(self.metric)} is not defined of {listed(map(method_name, lacking))}."
        if self.at_chance:
            return f"not decided: {listed(map(method_name, self.at_chance))} learned no more than chance gives."
        if self.few:
            return f"not decided: {self.over} are too few to tell methods apart."
        best = self.enough()
        called, others = _called(best[0]), listed(map(method_name, best[1:])) if best[1:] else ""
        if len(best) == len(scored):
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

    Scores are those that the comparison is told by, of each instance; of a problem without instances, those of each
    subset (``of_subsets``), if subsets have any.

    Args:
        tables: results, scoring, parameters and doubts, as published.
    """
    results, instances = tables["results"], len(instances_in(tables))
    rows, over = of_subsets(results), ""
    if instances > 1:
        rows, over = headline_means(results), f"{instances} instances"
    elif rows.empty:
        rows = headline_means(results)
    else:
        over = f"{rows.subset.nunique()} subsets"
    (protocol,), (metric,) = rows.protocol.unique(), rows.metric.unique()
    kept = tables["parameters"].groupby("method").union.mean()
    simplest = sorted(kept.index, key=lambda method: KINDS.index(METHODS[method].kind))
    scores = rows.pivot(index=[*rows.filter(["instance"]), "subset"], columns="method", values="value")
    weak = at_chance_in(tables["doubts"], (protocol, metric))
    return Advice(
        protocol,
        metric,
        higher_is_better(tables["scoring"], metric),
        over,
        1 < instances < LEAST["instances"],
        scores.reindex(columns=simplest),
        {name: float(kept[name]) for name in simplest},
        tuple(method for method in simplest if {method, ""} & weak),
    )


def _called(method: str) -> str:
    return CALLED.get(method, method_name(method))
