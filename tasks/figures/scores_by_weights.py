"""The figure of scores against weights kept: a panel per metric, so that methods are read at equal cost."""

import math
from collections.abc import Mapping

import altair as alt
import pandas as pd

from tasks.figures.axes import opacity, percent_of, picked_in, span_of, value_axis
from tasks.figures.styles import NAMED_STYLES, OTHER, channels, grid
from tasks.tables.directions import higher_is_better
from tasks.tables.names import method_name, metric_title
from tasks.tables.selection import headline_protocol


def kept(tables: Mapping[str, pd.DataFrame]) -> alt.ConcatChart:
    """Mean score over prunable weights in the union of a method's masks, its sparsities joined by a line."""
    rows = kept_rows(tables["results"], tables["parameters"])
    rows = rows.assign(name=rows.method.map(method_name), percent=percent_of(rows.sparsity))
    styles = {name: NAMED_STYLES.get(name, OTHER) for name in rows.name.unique()}
    look, picked, x = channels("name", styles), picked_in(), _weights_axis(rows.kept)
    panels = []
    for metric, group in rows.groupby("metric", sort=False):
        name = metric_title(str(metric), higher_is_better(tables["scoring"], str(metric)))
        y = value_axis("value", None, span_of(group.value))
        base = alt.Chart(group[["name", "percent", "kept", "value"]].round(6)).encode(
            x=x, y=y, color=look["color"], opacity=opacity(picked)
        )
        line = base.mark_line(strokeWidth=1.8).encode(strokeDash=look["strokeDash"], order=alt.Order("percent:Q"))
        points = base.mark_point(filled=True, size=45).encode(
            shape=look["shape"],
            tooltip=[
                alt.Tooltip("name:N", title=" "), alt.Tooltip("percent:Q", title="sparsity, %"),
                alt.Tooltip("kept:Q", title="weights kept", format=",.0f"),
                alt.Tooltip("value:Q", title=name, format=".4f"),
            ],
        )  # fmt: skip
        title = alt.TitleParams(name, subtitle=f"{rows.protocol.iloc[0]} protocol")
        panels.append(alt.layer(line, points).properties(width=230, height=180, title=title))
    panels[0] = panels[0].add_params(picked)
    return grid(panels, columns=min(3, len(panels)), panel=280, legend=(5, 190))


def kept_rows(results: pd.DataFrame, parameters: pd.DataFrame) -> pd.DataFrame:
    """protocol, metric, method, sparsity, and the means over seeds and instances of value and of weights kept."""
    keys = [key for key in ("method", "sparsity", "seed", "instance") if key in results]
    both = headline_protocol(results).merge(parameters[[*keys, "union"]], on=keys).rename(columns={"union": "kept"})
    means = both.groupby(["protocol", "metric", "method", "sparsity"], sort=False)[["value", "kept"]].mean()
    return means.reset_index()


def _weights_axis(weights: pd.Series) -> alt.X:
    low, high = (10**end for end in span_of([math.log10(weights.min()), math.log10(weights.max())]))
    axis = alt.Axis(values=weight_ticks(low, high), format=".3~s", labelOverlap="greedy")
    return alt.X("kept:Q").title("prunable weights kept").scale(type="log", domain=[low, high], nice=False).axis(axis)


def weight_ticks(low: float, high: float) -> list[float]:
    """Round numbers on a logarithmic axis, two and more however short it is: 1, 2, 5, else 1 to 9, else 1.1, 1.2, …"""
    powers = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)))]
    for digits in ([1, 2, 5], range(1, 10), [tenth / 10 for tenth in range(10, 100)]):
        ticks = [digit * power for power in powers for digit in digits if low <= digit * power <= high]
        if len(ticks) > 1:
            return ticks
    return [low, high]
