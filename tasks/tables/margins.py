"""How far a method is ahead of another: scores paired over test examples."""

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

import pandas as pd

from rtl_core.intervals import stratified_interval
from rtl_core.methods import UPDATES
from tasks.tables.directions import higher_is_better
from tasks.tables.names import MEAN

COLUMNS = [
    "method", "against", "sparsity", "protocol", "metric", "subset", "difference", "low", "high", "ahead", "examples",
]  # fmt: skip
RIVALS = ("imp_single_union", "imp_multiple")
"""What RTL's own methods are held against besides one mask for everything."""


def margins_table(examples: pd.DataFrame, scoring: pd.DataFrame) -> pd.DataFrame:
    """margins.csv: by how much methods are better than others on the same examples.

    Each example counts with its mean over seeds. ``difference`` is how much better the method is, in the metric's unit:
    above zero it is ahead, whether higher or lower scores are better. It is the mean over examples, from ``low`` to
    ``high`` with 95 % bootstrap confidence; ``ahead`` is the share of examples on which the method is strictly better,
    ``examples`` their number. Under the subset ``mean`` every subset weighs the same, however many examples it has, and
    is resampled within itself; where there are several instances, so is every subset of each.

    Args:
        examples: examples.parquet.
        scoring: scoring.csv.
    """
    place = [*examples.filter(["instance"]), "subset", "example"]
    keys = ["sparsity", "protocol", "metric"]
    means = examples.groupby([*keys, *place, "method"], sort=False).value.mean().unstack("method")
    rows: list[dict[str, Any]] = []
    for method, against in _comparisons(list(examples.method.unique())):
        differences = (means[method] - means[against]).dropna()
        for key, group in differences.groupby(keys, sort=False):
            better = group if higher_is_better(scoring, str(key[-1])) else 0 - group
            pair = {"method": method, "against": against, **dict(zip(keys, key, strict=True))}
            strata = [(names[-1], part) for names, part in better.groupby([*keys, *place[:-1]], sort=False)]
            subsets = dict.fromkeys(subset for subset, _ in strata if subset != MEAN)
            for subset in subsets:
                rows.append(pair | {"subset": subset} | _margin([part for name, part in strata if name == subset]))
            rows.append(pair | {"subset": MEAN} | _margin([part for _, part in strata]))
    return pd.DataFrame(rows, columns=COLUMNS)


def _comparisons(methods: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Method and rival: everything against one mask for everything, RTL against the others as well."""
    for against in ("imp_single", *RIVALS):
        if against in methods:
            held = methods if against == "imp_single" else [name for name in UPDATES.values() if name in methods]
            yield from ((method, against) for method in held if method != against)


def _margin(strata: Sequence[pd.Series]) -> dict[str, float]:
    """The margin of differences in strata that weigh the same."""
    low, high = stratified_interval(strata)
    return {
        "difference": fmean(part.mean() for part in strata),
        "low": low,
        "high": high,
        "ahead": fmean((part > 0).mean() for part in strata),
        "examples": sum(map(len, strata)),
    }
