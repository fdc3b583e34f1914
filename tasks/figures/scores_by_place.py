"""The figures of single scores: what each method scores at every instance, or on every subset."""

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from tasks.figures.dots import dots
from tasks.tables.directions import higher_is_better
from tasks.tables.names import method_name, metric_title
from tasks.tables.selection import headline_means, of_subsets

MOST_LEADERS = 3


def instances(tables: Mapping[str, pd.DataFrame]) -> alt.ConcatChart:
    """The mean over seeds of the first metric: a row per instance, a mark per method."""
    rows = headline_means(tables["results"])
    higher = higher_is_better(tables["scoring"], rows.metric.iloc[0])
    means = _means(rows.assign(instance=rows.instance.astype(str)), "instance")
    title = metric_title(rows.metric.iloc[0], higher)
    return dots(means, "instance", title, lambda level: leaders(level, "instance", higher))


def subsets(tables: Mapping[str, pd.DataFrame]) -> alt.ConcatChart | None:
    """The mean over seeds of the first metric that subsets have: a row per subset, a mark per method."""
    rows = of_subsets(tables["results"])
    if rows.empty:
        return None
    higher = higher_is_better(tables["scoring"], rows.metric.iloc[0])
    title = metric_title(rows.metric.iloc[0], higher)
    return dots(_means(rows, "subset"), "subset", title, lambda level: leaders(level, "subset", higher))


def _means(rows: pd.DataFrame, place: str) -> pd.DataFrame:
    rows = rows.assign(name=rows.method.map(method_name))
    return rows.groupby(["sparsity", place, "name"], sort=False)["value"].mean().dropna().reset_index()


def leaders(level: pd.DataFrame, place: str, higher_is_better: bool) -> Sequence[str]:
    """At how many places the methods have the best mean that do so most often; ``level``: place, name, value."""
    values = level.groupby(place, sort=False)["value"]
    best = level.loc[values.idxmax() if higher_is_better else values.idxmin(), "name"].value_counts()
    return [f"{name} leads at {times} of {level[place].nunique()}" for name, times in best[:MOST_LEADERS].items()]
