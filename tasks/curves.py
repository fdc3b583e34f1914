"""Figures whose horizontal axis is sparsity or training time: metrics, similarity, collapse and alignment."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from sklearn.isotonic import IsotonicRegression

from tasks.axes import Span, on_axis, opacity, percent_of, picked_in, span_of, sparsity_axis, value_axis
from tasks.directions import higher_is_better
from tasks.names import CURVE_NAMES, DEPTH_NAMES, MASKS_NAMES, MEAN, WORSE, method_name, metric_title
from tasks.styles import CHANCE_NAME, CURVE_STYLES, NAMED_STYLES, OTHER, Style, channels, grid, ticket_styles

Tables = Mapping[str, pd.DataFrame]

MOST_NAMED = 12
"""So many subsets at most are named and numbered on a figure; with more, pointing at a mark tells them."""

MEAN_STYLE = Style("#000000", "circle", (1, 0))
UNNAMED_STYLE = Style("#7a8793", "circle", (1, 0))
MEASURES = {
    "departure": "similarity of departures",
    "excess": "excess similarity",
    "jaccard": "Jaccard similarity",
}
SIGNIFICANT = 0.05
TICKETS_HEIGHT, LABEL_HEIGHT = 240, 14
"""Pixels of a panel of tickets, and of one line of text above a panel or beside it."""


def metrics(tables: Tables) -> alt.TopLevelMixin:
    """A panel per protocol and metric: mean over seeds with its interval, one line per method."""
    summary = tables["summary"]
    rows = summary.assign(percent=percent_of(summary.sparsity), name=summary.method.map(method_name))
    styles = {name: NAMED_STYLES.get(name, OTHER) for name in rows.name.unique()}
    picked = picked_in()
    x = sparsity_axis(rows.percent, sorted(rows.percent.unique()))
    panels = []
    for (protocol, metric), group in rows.groupby(["protocol", "metric"], sort=False):
        name = metric_title(metric, higher_is_better(tables["scoring"], metric))
        title = alt.TitleParams(name, subtitle=f"{protocol} protocol")
        y = value_axis("mean", None, span_of(group[["mean", "low", "high"]].stack()))
        panels.append(alt.layer(*_lines(group, styles, picked, x, y)).properties(width=230, height=150, title=title))
    panels[0] = panels[0].add_params(picked)
    return grid(panels, columns=3, panel=280, legend=(5, 190))


def similarity(tables: Tables) -> alt.TopLevelMixin:
    """A row per measure of similarity, a column per depth: RTL's masks, and the controls as noise floor."""
    table = tables["similarity"]
    table = table.assign(name=table.masks.map(lambda masks: MASKS_NAMES.get(masks, masks)))
    nothing = {"excess": np.nan, "departure": np.nan}
    chance = table[table.masks == "rtl"].assign(name=CHANCE_NAME, jaccard=lambda rows: rows.chance, **nothing)
    rows = pd.concat([table, chance]).assign(percent=lambda rows: percent_of(rows.sparsity))
    styles = {name: NAMED_STYLES.get(name, OTHER) for name in rows.name.unique()}
    picked = picked_in()
    x, reach = sparsity_axis(rows.percent), span_of(rows.percent)
    marks = _marks(tables, "rtl", CURVE_NAMES)
    depths = [depth for depth in DEPTH_NAMES if depth in set(rows.layer)]
    panels = []
    for number, (measure, label) in enumerate(MEASURES.items()):
        spread = _over_seeds(rows.dropna(subset=[measure]), ["name", "layer", "percent"], measure)
        y = value_axis("mean", label, span_of(spread[["mean", "low", "high"]].stack()))
        for depth in depths:
            layers = _lines(spread[spread.layer == depth], styles, picked, x, y, point=16)
            panel = alt.layer(*_rules(marks, x, reach, labelled=number == 0), *layers)
            panels.append(panel.properties(width=200, height=170, title=DEPTH_NAMES[depth]))
    panels[0] = panels[0].add_params(picked)
    return grid(panels, columns=len(depths), panel=270, legend=(5, 230))


def collapse(tables: Tables) -> alt.TopLevelMixin:
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
    stacks = []
    for method in scores:
        marks = _marks(tables, str(method), {"metric": WORSE[higher], **CURVE_NAMES})
        above = [
            *_rules(marks, x, reach, labelled=True),
            *_ticket_lines(scores[method], tickets, picked, x, metric, score_span, point=30),
        ]
        below = [
            *_rules(marks, x, reach, labelled=False),
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


def alignment(tables: Tables) -> alt.TopLevelMixin:
    """Rank correlation of mask similarity and semantic similarity, against sparsity and against training time."""
    table = tables["alignment"]
    table = table.assign(
        name=table.depth.map(lambda depth: DEPTH_NAMES.get(depth, depth)),
        place=table["at"].where(table.over != "sparsity", percent_of(table["at"])),
    )
    styles = {name: NAMED_STYLES.get(name, OTHER) for name in table.name.unique()}
    picked, y = picked_in(), value_axis("rho", "Spearman's ρ", span_of([*table.rho, 0]))
    panels = []
    for over, title in (("sparsity", "sparsity, %"), ("epoch", "epoch")):
        if (rows := table[table.over == over]).empty:
            continue
        x = alt.X("place:Q").title(title).scale(domain=span_of(rows.place), nice=False).axis(tickCount=6)
        look = channels("name", styles)
        base = alt.Chart(rows).encode(x=x, opacity=opacity(picked))
        zero = alt.Chart(pd.DataFrame({"rho": [0.0]})).mark_rule(color="#8a929c").encode(y=y)
        line = base.mark_line(strokeWidth=1.6).encode(
            y=alt.Y("mean(rho):Q").title("Spearman's ρ"), color=look["color"], strokeDash=look["strokeDash"]
        )
        points = base.encode(
            y=y, color=look["color"], shape=look["shape"],
            tooltip=[
                alt.Tooltip("name:N", title="depth"), alt.Tooltip("place:Q", title=title), alt.Tooltip("seed:N"),
                alt.Tooltip("rho:Q", title="ρ", format=".3f"), alt.Tooltip("p:Q", format=".3f"),
            ],
        )  # fmt: skip
        significant = f"datum.p !== null && datum.p < {SIGNIFICANT}"
        filled = points.transform_filter(significant).mark_point(filled=True, size=45)
        hollow = points.transform_filter(f"!({significant})").mark_point(size=40, strokeWidth=1.4)
        panels.append(alt.layer(zero, line, hollow, filled).properties(width=340, height=210, title=f"against {over}"))
    panels[0] = panels[0].add_params(picked)
    return grid(panels, columns=len(panels), panel=330, legend=(5, 130))


def _lines(
    rows: pd.DataFrame, styles: Mapping[str, Style], picked: alt.Parameter, x: alt.X, y: alt.Y, point: int = 45
) -> list[alt.Chart]:
    """Band, line and points of each name; ``rows``: name, percent, mean, low, high (no interval: no band)."""
    look = channels("name", styles)
    base = alt.Chart(rows[["name", "percent", "mean", "low", "high"]].round(6)).encode(x=x, color=look["color"])
    band = base.transform_filter("isValid(datum.low)").mark_area().encode(
        y=on_axis(y, "low"), y2="high:Q", opacity=opacity(picked, 0.16, 0.03)
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


def _ticket_lines(
    rows: pd.DataFrame, tickets: Sequence[str], picked: alt.Parameter, x: alt.X, title: str, span: Span, point: int = 8
) -> list[alt.Chart]:
    """A thin line per ticket and a thick mean, with their names at the end where they are few."""
    named = len(tickets) <= MOST_NAMED
    styles = {**(ticket_styles(tickets) if named else dict.fromkeys(tickets, UNNAMED_STYLE)), MEAN: MEAN_STYLE}
    look = channels("name", styles, symbol="stroke" if named else None)
    y = value_axis("mean", title, span)
    is_mean = alt.datum.name == MEAN
    base = alt.Chart(rows.round(6)).encode(x=x, y=y, color=look["color"], opacity=opacity(picked))
    line = base.mark_line(strokeOpacity=1 if named else 0.6).encode(
        strokeDash=look["strokeDash"],
        strokeWidth=alt.when(is_mean).then(alt.value(3)).otherwise(alt.value(1.3 if named else 0.7)),
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
        line = _over_seeds(group.assign(percent=percent_of(group.sparsity)), ["percent"], "departure")
        line = line.rename(columns={"mean": "departure"}).assign(name=MASKS_NAMES.get(str(masks), str(masks)))
        base = alt.Chart(line[["percent", "departure", "name"]].round(6)).encode(x=x, y=y)
        dash = list(NAMED_STYLES.get(line.name.iloc[0], OTHER).dash)
        layers.append(base.mark_line(color="#8a929c", strokeDash=dash, strokeWidth=1.4).encode(tooltip="name:N"))
        first = base.transform_filter(f"datum.percent == {line.percent.min()}")
        layers.append(first.mark_text(align="left", dy=-7, fontSize=11, color="#55606b").encode(text="name:N"))
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
        x=x, x2="beside:Q", y=y, y2="place:Q", color=look["color"], opacity=opacity(picked)
    )
    text = base.mark_text(align="left", dx=3, fontSize=12, color="#1c2228").encode(
        x=on_axis(x, "beside"), y=on_axis(y, "place"), text="name:N"
    )
    return [leader, text]


def _ticket_rows(rows: pd.DataFrame, value: str) -> pd.DataFrame:
    """name, percent and mean over seeds, of each ticket and of their mean."""
    spread = _over_seeds(
        rows.assign(name=rows.subset.astype(str), percent=percent_of(rows.sparsity)), ["name", "percent"], value
    )
    return spread[["name", "percent", "mean"]]


def _marks(tables: Tables, method: str, curves: Mapping[str, str]) -> pd.DataFrame:
    """What knees.csv found on the mean of the tickets: a row per curve, the mean of those that have it.

    ``curves`` says what is marked, by curve.
    """
    knees = tables.get("knees", pd.DataFrame())
    repeats = "instances × seeds" if "instance" in knees else "seeds"
    rows = []
    for curve, name in curves.items() if not knees.empty else ():
        of_curve = knees[(knees.curve == curve) & (knees.subset == MEAN)]
        of_curve = of_curve[of_curve.method == (method if curve == "metric" else "rtl")]
        found = of_curve.dropna(subset=["sparsity"])
        if found.empty:
            continue
        percent, low, high = 100 * found.sparsity.mean(), 100 * found.low.min(), 100 * found.high.max()
        interval = "" if np.isnan(low) else f" [{low:.0f}, {high:.0f}]"
        part = "" if len(found) == len(of_curve) else f" ({len(found)} of {len(of_curve)} {repeats})"
        text = f"{name}: {percent:.0f} %{interval}{part}"
        rows.append({"curve": curve, "percent": percent, "low": low, "high": high, "text": text})
    return pd.DataFrame(rows)


def _rules(marks: pd.DataFrame, x: alt.X, reach: Span, labelled: bool) -> list[alt.Chart]:
    """A vertical rule per mark with its interval behind it; each label has a line of its own above the panel."""
    layers = []
    for line, mark in enumerate(marks.to_dict("records")):
        style, row = CURVE_STYLES[mark["curve"]], alt.Chart(pd.DataFrame([mark]))
        place = (mark["percent"] - reach[0]) / (reach[1] - reach[0])
        if not np.isnan(mark["low"]):
            band = row.mark_rect(color=style.colour, opacity=0.1)
            layers.append(band.encode(x=on_axis(x, "low"), x2="high:Q", tooltip="text:N"))
        rule = row.mark_rule(color=style.colour, strokeDash=list(style.dash), strokeWidth=1.4)
        layers.append(rule.encode(x=x, tooltip="text:N"))
        if labelled:
            align = "left" if place < 1 / 3 else "right" if place > 2 / 3 else "center"
            text = row.mark_text(align=align, baseline="bottom", fontSize=12, color=style.colour)
            height = -3 - LABEL_HEIGHT * (len(marks) - 1 - line)
            layers.append(text.encode(x=x, y=alt.value(height), text="text:N"))
    return layers


def _over_seeds(rows: pd.DataFrame, keys: list[str], value: str) -> pd.DataFrame:
    """Mean over seeds and instances, and the lowest and highest of them where there are several."""
    spread = rows.groupby(keys, sort=False)[value].agg(mean="mean", low="min", high="max").reset_index()
    if len(rows.filter(["seed", "instance"]).drop_duplicates()) == 1:
        spread[["low", "high"]] = np.nan
    return spread
