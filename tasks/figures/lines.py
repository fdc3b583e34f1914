"""Lines over sparsity, and what is marked on them, as several figures draw them."""

from collections.abc import Mapping
from typing import Literal

import altair as alt
import numpy as np
import pandas as pd

from tasks.figures.axes import Span, on_axis, opacity
from tasks.figures.styles import CURVE_STYLES, Style, channels
from tasks.tables.names import MEAN

Tables = Mapping[str, pd.DataFrame]

Align = Literal["left", "center", "right"]

LABEL_HEIGHT = 14
"""Pixels of one line of text above a panel or beside it."""


def lines(
    rows: pd.DataFrame, styles: Mapping[str, Style], picked: alt.Parameter, x: alt.X, y: alt.Y, point: int = 45
) -> list[alt.Chart]:
    """Band, line and points of each name; ``rows``: name, percent, mean, low, high (no interval: no band)."""
    look = channels("name", styles)
    base = alt.Chart(rows[["name", "percent", "mean", "low", "high"]].round(6)).encode(x=x, color=look["color"])
    band = base.transform_filter("isValid(datum.low)").mark_area().encode(
        y=on_axis(y, "low"), y2=alt.Y2("high:Q"), opacity=opacity(picked, 0.16, 0.03)
    )  # fmt: skip
    line = base.mark_line(strokeWidth=1.8).encode(y=y, strokeDash=look["strokeDash"], opacity=opacity(picked))
    points = base.mark_point(filled=True, size=point).encode(
        y=y, shape=look["shape"], opacity=opacity(picked),
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
    """A vertical rule per mark with its interval behind it; each label has a line of its own above the panel."""
    layers = []
    for line, mark in enumerate(marks.to_dict("records")):
        style, row = CURVE_STYLES[mark["curve"]], alt.Chart(pd.DataFrame([mark]))
        place = (mark["percent"] - reach[0]) / (reach[1] - reach[0])
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


def over_seeds(rows: pd.DataFrame, keys: list[str], value: str) -> pd.DataFrame:
    """Mean over seeds and instances, and the lowest and highest of them where there are several."""
    spread = rows.groupby(keys, sort=False)[value].agg(mean="mean", low="min", high="max").reset_index()
    if len(rows.filter(["seed", "instance"]).drop_duplicates()) == 1:
        spread[["low", "high"]] = np.nan
    return spread
