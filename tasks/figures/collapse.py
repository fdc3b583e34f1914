"""The figure of collapse: what each ticket is worth, above how alike it is to the others."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from tasks.figures.axes import (
    Span,
    density_of,
    log_span_of,
    opacity,
    percent_of,
    picked_in,
    span_of,
    sparsity_axis,
    value_axis,
    with_density,
)
from tasks.figures.lines import BESIDE, Tables, end_labels, marks_of, over_seeds, rules
from tasks.figures.styles import (
    MOST_NAMED,
    NAMED_STYLES,
    OTHER,
    RULE,
    SOFT,
    Style,
    channels,
    grid,
    layered,
    ticket_styles,
)
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
    x, reach = sparsity_axis(percent), log_span_of(density_of(percent))
    stacks: list[alt.VConcatChart] = []
    for method in scores:
        marks = marks_of(tables, str(method), {"metric": WORSE[higher], **CURVE_NAMES})
        above = [
            *rules(marks, x, reach, labelled=True),
            *_ticket_lines(scores[method], tickets, x, metric, score_span, point=30),
        ]
        below = [
            *rules(marks, x, reach, labelled=False),
            *_floors(floors, x, similar_span),
            *_ticket_lines(similar[method], tickets, x, MEASURES["departure"], similar_span),
        ]
        panels = [
            layered(above, width=400, height=TICKETS_HEIGHT, title=method_name(str(method))),
            layered(below, width=400, height=TICKETS_HEIGHT),
        ]
        stacks.append(alt.VConcatChart(vconcat=panels, spacing=12))
    styles = ticket_styles(tickets) | {MEAN: MEAN_STYLE} if len(tickets) <= MOST_NAMED else {}
    return grid(stacks, columns=len(stacks), panel=430, legend=(6, 120), params=[picked], styles=styles)


def _ticket_lines(
    rows: pd.DataFrame, tickets: Sequence[str], x: alt.X, title: str, span: Span, point: int = 8
) -> list[alt.Chart]:
    """A thin line per ticket and a thick mean, with their names at the end where they are few."""
    named = len(tickets) <= MOST_NAMED
    styles = {**(ticket_styles(tickets) if named else dict.fromkeys(tickets, UNNAMED_STYLE)), MEAN: MEAN_STYLE}
    look = channels("name", styles, symbol="stroke" if named else None)
    y = value_axis("mean", title, span)
    base = alt.Chart(with_density(rows).round(6)).encode(x=x, y=y, color=look["color"], opacity=opacity())
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
    return [line, points, *(_names(rows, look["color"], x, y, span) if named else [])]


def _names(rows: pd.DataFrame, colour: alt.Color, x: alt.X, y: alt.Y, span: Span) -> list[alt.Chart]:
    last = rows.sort_values("percent").groupby("name", sort=False).tail(1)
    low, high = log_span_of(density_of(rows.percent))
    edge = low * (low / high) ** BESIDE
    return end_labels(with_density(last), colour, x, y, span, edge, TICKETS_HEIGHT)


def _floors(rows: pd.DataFrame, x: alt.X, span: Span) -> list[alt.Chart]:
    """A broken grey line for each control, named where it begins: what similarity is without different subsets."""
    layers: list[alt.Chart] = []
    y = value_axis("departure", MEASURES["departure"], span)
    for masks, group in rows.groupby("masks", sort=False):
        line = over_seeds(group.assign(percent=percent_of(group.sparsity)), ["percent"], "departure")
        line = line.rename(columns={"mean": "departure"}).assign(name=MASKS_NAMES.get(str(masks), str(masks)))
        base = alt.Chart(with_density(line[["percent", "departure", "name"]]).round(6)).encode(x=x, y=y)
        dash = list(NAMED_STYLES.get(line.name.iloc[0], OTHER).dash)
        layers.append(
            base.mark_line(color=RULE, strokeDash=dash, strokeWidth=1.4).encode(tooltip=alt.Tooltip("name:N"))
        )
        first = base.transform_filter(f"datum.percent == {line.percent.min()}")
        layers.append(first.mark_text(align="left", dy=-7, fontSize=11, color=SOFT).encode(text=alt.Text("name:N")))
    return layers


def _ticket_rows(rows: pd.DataFrame, value: str) -> pd.DataFrame:
    """name, percent and mean over seeds, of each ticket and of their mean."""
    spread = over_seeds(
        rows.assign(name=rows.subset.astype(str), percent=percent_of(rows.sparsity)), ["name", "percent"], value
    )
    return spread[["name", "percent", "mean"]]
