"""What a comparison at one level and on one seed advises: how far RTL is ahead of each rival, and what is enough."""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from rtl_core.intervals import t_interval
from rtl_core.methods import METHODS
from tasks.tables.directions import higher_is_better
from tasks.tables.names import listed, method_name
from tasks.tables.selection import headline, of_subsets
from tasks.tables.standings import LEAST, repeats, values_at

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
    these to tell methods apart; which, ``over`` says. ``kept`` are the prunable weights of each method.
    """

    protocol: str
    metric: str
    higher: bool
    over: str
    scores: pd.DataFrame
    kept: dict[str, float]

    @property
    def rtl(self) -> str:
        """RTL under its update."""
        return next(method for method in self.scores if METHODS[method].kind == "rtl")

    @property
    def rivals(self) -> dict[str, Difference]:
        """How far RTL is ahead of each other method."""
        return {method: self.lead(self.rtl, method) for method in self.scores if method != self.rtl}

    @property
    def enough(self) -> list[str]:
        """The methods that no other is told to be ahead of, the simplest first: it is advised."""
        return [one for one in self.scores if not any(self.lead(other, one).low > 0 for other in self.scores)]

    def lead(self, better: str, worse: str) -> Difference:
        """How far one method is ahead of another, from the places where both have a score."""
        sign = 1 if self.higher else -1
        differences = (sign * (self.scores[better] - self.scores[worse])).dropna()
        return Difference(float(differences.mean()), *t_interval(differences.tolist()))

    def sentence(self) -> str:
        """What to use, and why."""
        first, *others = self.enough
        called = CALLED.get(first, method_name(first))
        if len(others) + 1 == len(self.scores):
            return f"Not decided: no method is told to be ahead of another; {called} is the simplest."
        if others:
            return f"Use {called}: it cannot be told from {listed(map(method_name, others))}, and is simpler."
        ahead_of_all = all(self.lead(first, method).low > 0 for method in self.scores if method != first)
        return f"Use {called}: it {'is ahead of all others' if ahead_of_all else 'alone is behind no other'}."


def advice(tables: Mapping[str, pd.DataFrame]) -> Advice:
    """What published tables of one level and one seed advise.

    Scores are those that the comparison is told by, of each instance; where there are fewer than can tell methods
    apart, those of each subset (``of_subsets``) or, where subsets have none, the one mean.

    Args:
        tables: results, scoring and parameters, as published.
    """
    results = tables["results"]
    level = float(results.sparsity.iloc[0])
    (protocol, metric), parts = headline(results), of_subsets(results)
    scores = values_at(results, level, (protocol, metric))
    what, count = repeats(scores)
    over = of = f"{count} instances" if what == "instances" else ""
    if len(parts) and not (of and count >= LEAST[what]):
        metric = str(parts.metric.iloc[0])
        scores = parts.pivot(index=[*parts.filter(["instance"]), "subset"], columns="method", values="value")
        over = f"{len(scores)} subsets" + f" of {of}" * bool(of)
    simplest = sorted(scores, key=lambda method: KINDS.index(METHODS[method].kind))
    kept = tables["parameters"].groupby("method").union.mean()
    higher = higher_is_better(tables["scoring"], metric)
    return Advice(protocol, metric, higher, over, scores[simplest], {name: float(kept[name]) for name in simplest})
