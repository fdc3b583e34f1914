"""The figure of scores against weights kept, which a page begins with: methods are read at equal cost."""

import math
from collections.abc import Mapping

import altair as alt
import numpy as np
import pandas as pd

from tasks.figures.axes import log_span_of, on_axis, opacity, percent_of, picked_in, span_of
from tasks.figures.lines import BESIDE, apart
from tasks.figures.styles import INK, channels, grid, layered, styles_of
from tasks.tables.boards import boards
from tasks.tables.directions import higher_is_better
from tasks.tables.names import MEAN, method_name, metric_title
from tasks.tables.selection import headline

HEIGHT = 340
"""Pixels of the panel, in a page and in a picture."""
SHOWN = ["name", "percent", "kept", "mean", "low", "high", "place"]
"""The columns of the data ``shown``, which a page puts others in place of."""


def kept(tables: Mapping[str, pd.DataFrame]) -> alt.ConcatChart:
    """Mean score over prunable weights in the union of a method's masks, its sparsities joined by a line."""
    protocol, metric = headline(tables["results"])
    board = boards(tables)
    board = board[(board.protocol == protocol) & (board.metric == metric) & (board.subset == MEAN)]
    rows = kept_rows(board, tables["parameters"])
    styles = styles_of(rows.name)
    higher = higher_is_better(tables["scoring"], metric)
    heading = plot_heading(metric, higher, f"{protocol} protocol, mean over subsets")
    x, edge = _weights_axis(rows.kept)
    scale = alt.Scale(domain=[alt.ExprRef("lowest"), alt.ExprRef("highest")], nice=False, zero=False)
    y = alt.Y("mean:Q", title=None, scale=scale, axis=alt.Axis(tickCount=5, minExtent=56))
    look = channels("name", styles)
    base = alt.Chart(alt.NamedData("shown")).encode(x=x, y=y, color=look["color"], opacity=opacity())
    line = base.mark_line(strokeWidth=2).encode(strokeDash=look["strokeDash"], order=alt.Order("percent:Q"))
    whiskers = base.mark_rule(strokeWidth=1.4).encode(y=on_axis(y, "low"), y2=alt.Y2("high:Q"))
    points = base.mark_point(filled=True).encode(
        shape=look["shape"],
        size=alt.SizeValue(55, condition=[{"test": "datum.percent === level", "value": 150}]),
        tooltip=[
            alt.Tooltip("name:N", title=" "), alt.Tooltip("percent:Q", title="sparsity, %"),
            alt.Tooltip("kept:Q", title="weights kept", format=",.0f"), alt.Tooltip("mean:Q", format=".4f"),
            alt.Tooltip("low:Q", title="lowest", format=".4f"), alt.Tooltip("high:Q", title="highest", format=".4f"),
        ],
    )  # fmt: skip
    named = base.transform_filter("isValid(datum.place)")
    leader = named.mark_rule(strokeWidth=0.8, strokeDash=[2, 2]).encode(x2=alt.datum(edge), y2=alt.Y2("place:Q"))
    names = named.mark_text(align="left", dx=3, fontSize=12, color=INK).encode(
        x=alt.datum(edge), y=on_axis(y, "place"), text=alt.Text("name:N"), color=alt.value(INK)
    )
    params = [
        picked_in(), alt.param(name="level", value=None), alt.param(name="heading", value=heading),
        alt.param(name="lowest", value=rows.lowest.iloc[0]), alt.param(name="highest", value=rows.highest.iloc[0]),
    ]  # fmt: skip
    chart = layered(
        [leader, whiskers, line, points, names],
        width=620, height=HEIGHT, title=alt.TitleParams(alt.ExprRef("heading")),
    )  # fmt: skip
    shown = rows[SHOWN].astype(object).where(rows[SHOWN].notna(), None).to_dict("records")
    return grid(
        [chart], columns=1, panel=300, legend=(5, 190), params=params, styles=styles, datasets={"shown": shown}
    )  # fmt: skip


def plot_heading(metric: str, higher: bool, of: str) -> str:
    """What stands above the plot: the metric, an arrow that points to what is better, and whose it is."""
    return f"{metric_title(metric, higher)} {'↑ better' if higher else '↓'} · {of}"


def kept_rows(board: pd.DataFrame, parameters: pd.DataFrame) -> pd.DataFrame:
    """Rows of ``boards`` with name, percent and the mean of weights kept; with lowest and highest, what the axis of
    scores spans; and with place, where a method's name stands on it, in the row of its most weights.
    """
    weights = parameters.groupby(["method", "sparsity"], sort=False)["union"].mean().rename("kept")
    rows = board.join(weights, on=["method", "sparsity"])
    rows = rows.assign(name=rows.method.map(method_name), percent=percent_of(rows.sparsity)).round(6)
    rows = rows.sort_values("percent", kind="stable", ignore_index=True)
    keys = ["protocol", "metric", "subset"]
    is_end = rows.index.isin(rows.groupby([*keys, "method"], sort=False).kept.idxmax())
    scores = rows[["mean", "low", "high"]].to_numpy()
    spans, places = np.empty((len(rows), 2)), np.full(len(rows), np.nan)
    for own in rows.groupby(keys, sort=False).indices.values():
        spans[own] = span = span_of(scores[own])
        ends = own[is_end[own]]
        places[ends] = apart(scores[ends, 0], span, HEIGHT)
    return rows.assign(lowest=spans[:, 0].round(6), highest=spans[:, 1].round(6), place=places.round(6))


def _weights_axis(weights: pd.Series) -> tuple[alt.X, float]:
    """The axis, and where names stand beside it."""
    low, high = log_span_of(weights)
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    axis = alt.Axis(values=weight_ticks(low, high), format=".3~s", labelOverlap="greedy")
    x = alt.X("kept:Q", title="prunable weights kept (log)", scale=scale, axis=axis)
    return x, high * (high / low) ** BESIDE


def weight_ticks(low: float, high: float) -> list[float]:
    """Round numbers on a logarithmic axis, two and more however short it is: 1, 2, 5, else 1 to 9, else 1.1, 1.2, …"""
    powers = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)))]
    for digits in ([1, 2, 5], range(1, 10), [tenth / 10 for tenth in range(10, 100)]):
        ticks = [digit * power for power in powers for digit in digits if low <= digit * power <= high]
        if len(ticks) > 1:
            return ticks
    return [low, high]
