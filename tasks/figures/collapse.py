"""The figure of collapse: what each ticket is worth, above how alike it is to the others."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from sklearn.isotonic import IsotonicRegression

from tasks.figures.axes import Span, on_axis, opacity, percent_of, picked_in, span_of, sparsity_axis, value_axis
from tasks.figures.lines import LABEL_HEIGHT, Tables, marks_of, over_seeds, rules
from tasks.figures.styles import MOST_NAMED, NAMED_STYLES, OTHER, Style, channels, grid, ticket_styles
from tasks.tables.directions import higher_is_better
from tasks.tables.names import CURVE_NAMES, MASKS_NAMES, MEAN, MEASURES, WORSE, method_name, metric_title

MEAN_STYLE = Style("#000000", "circle", (1, 0))
UNNAMED_STYLE = Style("#7a8793", "circle", (1, 0))
TICKETS_HEIGHT = 240
"""Pixels of a panel of tickets."""


def collapse(tables: Tables) -> alt.ConcatChart:
    """A column per method: each ticket's metric, and below it how alike its departures from θ₀ are to the others'."""
    table = tables["collapse"]
    table = table[table.metric == table.metric.iloc[0]]
    tickets = [subset for subset in table.subset.astype(str).unique() if subset != MEAN]
    higher = higher_is_better(tables["scoring"], table.metric.iloc[0])
    metric = metric_title(table.metric.iloc[0], higher)
    picked = picked_in(None if len(tickets) <= MOST_NAMED else tickets)
    scores = {method: _ticket_rows(group, "value") for method, group in table.groupby("method", sort=False)}
    overlap = tables["overlap"]
    similar = dict.fromkeys(scores, _ticket_rows(overlap[overlap.masks == "rtl"], "departure"))
    floors = overlap[(overlap.masks != "rtl") & (overlap.subset == MEAN)]
    score_span, similar_span = (
        span_of(pd.concat(values))
        for values in (
            [rows["mean"] for rows in scores.values()],
            [floors.departure, *(rows["mean"] for rows in similar.values())],
        )
    )
    percent = pd.concat([*scores.values(), *similar.values()]).percent
    x, reach = sparsity_axis(percent), span_of(percent)
    stacks: list[alt.VConcatChart] = []
    for method in scores:
        marks = marks_of(tables, str(method), {"metric": WORSE[higher], **CURVE_NAMES})
        above = [
            *rules(marks, x, reach, labelled=True),
            *_ticket_lines(scores[method], tickets, picked, x, metric, score_span, point=30),
        ]
        below = [
            *rules(marks, x, reach, labelled=False),
            *_floors(floors, x, similar_span),
            *_ticket_lines(similar[method], tickets, picked, x, MEASURES["departure"], similar_span),
        ]
        if not stacks:
            above[-1] = above[-1].add_params(picked)
        stacks.append(
            alt.vconcat(
                alt.layer(*above).properties(width=400, height=TICKETS_HEIGHT, title=method_name(str(method))),
                alt.layer(*below).properties(width=400, height=TICKETS_HEIGHT),
                spacing=12,
            )
        )
    return grid(stacks, columns=len(stacks), panel=430, legend=(6, 120))


def _ticket_lines(
    rows: pd.DataFrame, tickets: Sequence[str], picked: alt.Parameter, x: alt.X, title: str, span: Span, point: int = 8
) -> list[alt.Chart]:
    """A thin line per ticket and a thick mean, with their names at the end where they are few."""
    named = len(tickets) <= MOST_NAMED
    styles = {**(ticket_styles(tickets) if named else dict.fromkeys(tickets, UNNAMED_STYLE)), MEAN: MEAN_STYLE}
    look = channels("name", styles, symbol="stroke" if named else None)
    y = value_axis("mean", title, span)
    base = alt.Chart(rows.round(6)).encode(x=x, y=y, color=look["color"], opacity=opacity(picked))
    line = base.mark_line(strokeOpacity=1 if named else 0.6).encode(
        strokeDash=look["strokeDash"],
        strokeWidth=alt.StrokeWidthValue(
            1.3 if named else 0.7, condition=[{"test": f"datum.name === '{MEAN}'", "value": 3}]
        ),
    )
    points = base.mark_point(filled=True, size=point if named else 8).encode(
        tooltip=[
            alt.Tooltip("name:N", title="ticket"), alt.Tooltip("percent:Q", title="sparsity, %"),
            alt.Tooltip("mean:Q", title=title, format=".4f"),
        ],
    )  # fmt: skip
    return [line, points, *(_end_labels(rows, look, picked, x, y, span) if named else [])]


def _floors(rows: pd.DataFrame, x: alt.X, span: Span) -> list[alt.Chart]:
    """A broken grey line for each control, named where it begins: what similarity is without different subsets."""
    layers: list[alt.Chart] = []
    y = value_axis("departure", MEASURES["departure"], span)
    for masks, group in rows.groupby("masks", sort=False):
        line = over_seeds(group.assign(percent=percent_of(group.sparsity)), ["percent"], "departure")
        line = line.rename(columns={"mean": "departure"}).assign(name=MASKS_NAMES.get(str(masks), str(masks)))
        base = alt.Chart(line[["percent", "departure", "name"]].round(6)).encode(x=x, y=y)
        dash = list(NAMED_STYLES.get(line.name.iloc[0], OTHER).dash)
        layers.append(
            base.mark_line(color="#8a929c", strokeDash=dash, strokeWidth=1.4).encode(tooltip=alt.Tooltip("name:N"))
        )
        first = base.transform_filter(f"datum.percent == {line.percent.min()}")
        layers.append(
            first.mark_text(align="left", dy=-7, fontSize=11, color="#55606b").encode(text=alt.Text("name:N"))
        )
    return layers


def _end_labels(
    rows: pd.DataFrame, look: Mapping[str, Any], picked: alt.Parameter, x: alt.X, y: alt.Y, span: Span
) -> list[alt.Chart]:
    """The name of each line beside its end, moved up or down just as far as the names need."""
    ends = rows.sort_values("percent").groupby("name", sort=False).tail(1).sort_values("mean").reset_index(drop=True)
    steps = LABEL_HEIGHT * (span[1] - span[0]) / TICKETS_HEIGHT * np.arange(len(ends))
    apart = IsotonicRegression(y_min=span[0], y_max=span[1] - steps[-1])
    places = apart.fit_transform(np.arange(len(ends)), ends["mean"] - steps) + steps
    low, high = span_of(rows.percent)
    ends = ends.assign(place=places, beside=high + 0.02 * (high - low))
    base = alt.Chart(ends.round(6)).encode(opacity=opacity(picked))
    leader = base.mark_rule(strokeWidth=0.8).encode(
        x=x, x2=alt.X2("beside:Q"), y=y, y2=alt.Y2("place:Q"), color=look["color"], opacity=opacity(picked)
    )
    text = base.mark_text(align="left", dx=3, fontSize=12, color="#1c2228").encode(
        x=on_axis(x, "beside"), y=on_axis(y, "place"), text=alt.Text("name:N")
    )
    return [leader, text]


def _ticket_rows(rows: pd.DataFrame, value: str) -> pd.DataFrame:
    """name, percent and mean over seeds, of each ticket and of their mean."""
    spread = over_seeds(
        rows.assign(name=rows.subset.astype(str), percent=percent_of(rows.sparsity)), ["name", "percent"], value
    )
    return spread[["name", "percent", "mean"]]
