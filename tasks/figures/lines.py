"""Lines over sparsity, and what is marked on them, as several figures draw them."""

from collections.abc import Mapping
from typing import Literal

import altair as alt
import numpy as np
import pandas as pd
from sklearn.isotonic import isotonic_regression

from tasks.figures.axes import Span, density_of, on_axis, opacity, with_density
from tasks.figures.styles import CURVE_STYLES, INK, Style, channels
from tasks.tables.names import MEAN

Tables = Mapping[str, pd.DataFrame]

Align = Literal["left", "center", "right"]

LABEL_HEIGHT = 14
"""Pixels of one line of text above a panel or beside it."""
BESIDE = 0.02
"""How far beside a panel the names of its lines stand, as a share of its width."""


def lines(rows: pd.DataFrame, styles: Mapping[str, Style], x: alt.X, y: alt.Y, point: int = 45) -> list[alt.Chart]:
    """Band, line and points of each name; ``rows``: name, percent, mean, low, high (no interval: no band)."""
    look = channels("name", styles)
    kept = with_density(rows[["name", "percent", "mean", "low", "high"]])
    base = alt.Chart(kept.round(6)).encode(x=x, color=look["color"])
    band = base.transform_filter("isValid(datum.low)").mark_area().encode(
        y=on_axis(y, "low"), y2=alt.Y2("high:Q"), opacity=opacity(0.16, 0.03)
    )  # fmt: skip
    line = base.mark_line(strokeWidth=1.8).encode(y=y, strokeDash=look["strokeDash"], opacity=opacity())
    points = base.mark_point(filled=True, size=point).encode(
        y=y, shape=look["shape"], opacity=opacity(),
        tooltip=[
            alt.Tooltip("name:N", title=" "), alt.Tooltip("percent:Q", title="sparsity, %"),
            *(alt.Tooltip(f"{column}:Q", format=".4f") for column in ("mean", "low", "high")),
        ],
    )  # fmt: skip
    return [band, line, points]


def marks_of(tables: Tables, method: str, curves: Mapping[str, str]) -> pd.DataFrame:
    """What knees.csv found on the mean of the tickets: a row per curve, the mean of those that have it.

    ``curves`` says what is marked, by curve.
    """
    knees = tables.get("knees", pd.DataFrame())
    repeats = "instances × seeds" if "instance" in knees else "seeds"
    rows = []
    for curve, name in curves.items() if not knees.empty else ():
        of_curve = knees[(knees.curve == curve) & (knees.subset == MEAN)]
        of_curve = of_curve[of_curve.method == (method if curve == "metric" else "rtl")]
        marked = of_curve.dropna(subset=["sparsity"])
        if marked.empty:
            continue
        percent, low, high = 100 * marked.sparsity.mean(), 100 * marked.low.min(), 100 * marked.high.max()
        interval = "" if np.isnan(low) else f" [{low:.0f}, {high:.0f}]"
        part = "" if len(marked) == len(of_curve) else f" ({len(marked)} of {len(of_curve)} {repeats})"
        text = f"{name}: {percent:.0f} %{interval}{part}"
        rows.append({"curve": curve, "percent": percent, "low": low, "high": high, "text": text})
    return pd.DataFrame(rows)


def rules(marks: pd.DataFrame, x: alt.X, reach: Span, labelled: bool) -> list[alt.Chart]:
    """A vertical rule per mark with its interval behind it; each label has a line of its own above the panel.

    ``reach`` is the span of ``x`` in densities.
    """
    layers = []
    for line, mark in enumerate(marks.to_dict("records")):
        style = CURVE_STYLES[mark["curve"]]
        ends = {end: density_of(mark[end]) for end in ("low", "high")}
        row = alt.Chart(with_density(pd.DataFrame([mark | ends])))
        place = np.log(reach[1] / density_of(mark["percent"])) / np.log(reach[1] / reach[0])
        if not np.isnan(mark["low"]):
            band = row.mark_rect(color=style.colour, opacity=0.1)
            layers.append(band.encode(x=on_axis(x, "low"), x2=alt.X2("high:Q"), tooltip=alt.Tooltip("text:N")))
        rule = row.mark_rule(color=style.colour, strokeDash=list(style.dash), strokeWidth=1.4)
        layers.append(rule.encode(x=x, tooltip=alt.Tooltip("text:N")))
        if labelled:
            align: Align = "left" if place < 1 / 3 else "right" if place > 2 / 3 else "center"
            text = row.mark_text(align=align, baseline="bottom", fontSize=12, color=style.colour)
            height = -3 - LABEL_HEIGHT * (len(marks) - 1 - line)
            layers.append(text.encode(x=x, y=alt.YValue(height), text=alt.Text("text:N")))
    return layers


def end_labels(
    ends: pd.DataFrame, colour: alt.Color, x: alt.X, y: alt.Y, span: Span, edge: float, height: int
) -> list[alt.Chart]:
    """The name of each line beside the panel, moved up or down just as far as the names need.

    Args:
        ends: name, mean and the column of ``x``, where each line ends.
        colour: how names are told apart.
        x, y: the axes of the lines; ``span`` is that of ``y``.
        edge: where names stand, in the unit of ``x``.
        height: of the panel, in pixels.
    """
    ends = ends.assign(place=apart(ends["mean"].to_numpy(), span, height), beside=edge)
    base = alt.Chart(ends.round(6)).encode(opacity=opacity())
    leader = base.mark_rule(strokeWidth=0.8).encode(x=x, x2=alt.X2("beside:Q"), y=y, y2=alt.Y2("place:Q"), color=colour)
    text = base.mark_text(align="left", dx=3, fontSize=12, color=INK).encode(
        x=on_axis(x, "beside"), y=on_axis(y, "place"), text=alt.Text("name:N")
    )
    return [leader, text]


def apart(values: np.ndarray, span: Span, height: int) -> np.ndarray:
    """Where labels of values stand on an axis of so many pixels, as near to their values as their height allows."""
    order = values.argsort(kind="stable")
    steps = LABEL_HEIGHT * (span[1] - span[0]) / height * np.arange(len(order))
    places = np.empty(len(order))
    most = max(span[0], span[1] - steps[-1])
    places[order] = isotonic_regression(values[order] - steps, y_min=span[0], y_max=most) + steps
    return places


def over_seeds(rows: pd.DataFrame, keys: list[str], value: str) -> pd.DataFrame:
    """Mean over seeds and instances, and the lowest and highest of them where there are several."""
    spread = rows.groupby(keys, sort=False)[value].agg(mean="mean", low="min", high="max").reset_index()
    if len(rows.filter(["seed", "instance"]).drop_duplicates()) == 1:
        spread[["low", "high"]] = np.nan
    return spread
