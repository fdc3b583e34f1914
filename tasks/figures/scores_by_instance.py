"""The figure of instances: what each method scores at every one of them, a panel per sparsity."""

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from tasks.figures.axes import even_places, opacity, picked_in, span_of
from tasks.figures.styles import NAMED_STYLES, OTHER, channels, grid
from tasks.tables.directions import higher_is_better
from tasks.tables.names import method_name, metric_title
from tasks.tables.selection import headline_means

MOST_LEVELS = 4
MOST_LEADERS = 3
MOST_TALL = 40
ROW, LOW_ROW = 18, 11
"""Pixels of a row; with more than so many instances, of a low one, where not all are named."""


def instances(tables: Mapping[str, pd.DataFrame]) -> alt.ConcatChart:
    """The mean over seeds of the first metric: a row per instance, a mark per method."""
    rows = headline_means(tables["results"])
    higher = higher_is_better(tables["scoring"], rows.metric.iloc[0])
    title = metric_title(rows.metric.iloc[0], higher)
    rows = rows.assign(instance=rows.instance.astype(str), name=rows.method.map(method_name))
    means = rows.groupby(["sparsity", "instance", "name"], sort=False)["value"].mean().dropna().reset_index()
    order = list(means.instance.unique())
    look = channels("name", {name: NAMED_STYLES.get(name, OTHER) for name in means.name.unique()})
    picked, step = picked_in(), ROW if len(order) <= MOST_TALL else LOW_ROW
    levels = sorted(means.sparsity.unique())
    panels = []
    for place in even_places(len(levels), MOST_LEVELS):
        level = means[means.sparsity == levels[place]]
        points = alt.Chart(level[["instance", "name", "value"]].round(6)).mark_point(filled=True, size=3 * step)
        chart = points.encode(
            x=alt.X("value:Q").title(title).scale(domain=span_of(level.value), nice=False).axis(tickCount=5),
            y=alt.Y("instance:N", sort=order).title(None).axis(grid=True, ticks=False, domain=False, labelOverlap=True),
            color=look["color"], shape=look["shape"], opacity=opacity(picked),
            tooltip=[
                alt.Tooltip("instance:N"), alt.Tooltip("name:N", title=" "),
                alt.Tooltip("value:Q", title=title, format=".4f"),
            ],
        )  # fmt: skip
        head = alt.TitleParams(f"{100 * levels[place]:g} % sparsity", subtitle=leaders(level, higher))
        panels.append(chart.properties(width=330, height=step * len(order), title=head))
    panels[0] = panels[0].add_params(picked)
    return grid(panels, columns=min(2, len(panels)), panel=360, legend=(5, 190))


def leaders(level: pd.DataFrame, higher_is_better: bool) -> Sequence[str]:
    """At how many instances the methods lead that do so most often; ``level``: instance, name, value."""
    values = level.groupby("instance", sort=False)["value"]
    best = level.loc[values.idxmax() if higher_is_better else values.idxmin(), "name"].value_counts()
    return [f"{name} leads at {times} of {len(level.instance.unique())}" for name, times in best[:MOST_LEADERS].items()]
