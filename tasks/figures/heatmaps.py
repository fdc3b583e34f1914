"""Figures of every pair of subsets: similarity of masks, scores of each ticket on each subset, agreement."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from tasks.figures.axes import even_places
from tasks.figures.styles import MOST_NAMED, grid, layered
from tasks.tables.directions import higher_is_better
from tasks.tables.names import DEPTH_NAMES, method_name, metric_title

MOST_ROWS = 60_000
"""So many cells at most are embedded in a figure; of many subsets, only some of the levels are shown."""

NUMBER = "replace(format(datum.value, abs(datum.value) < 10 ? '.2f' : '.3r'), /^(−?)0[.]/, '$1.')"
"""Vega's expression for a number in a cell: .34, −.34, 1.00, 25.3; its minus is U+2212, as in tables."""

FIRST_SHOWN = 0.75
"""The sparsity that a figure shows first, or the one nearest to it."""


def heatmaps(tables: Mapping[str, pd.DataFrame]) -> alt.ConcatChart:
    """Jaccard similarity of RTL's masks, pair by pair, in shallow, middle and deep layers; one level at a time."""
    table = tables["pairs"]
    subsets = list(dict.fromkeys([*table.subset_a.astype(str), *table.subset_b.astype(str)]))
    depths = [depth for depth in ("shallow", "middle", "deep") if depth in set(table.layer)]
    levels = _thinned(sorted(table.sparsity.unique()), len(depths) * len(subsets) ** 2 // 2)
    slider = alt.binding_range(min=0, max=len(levels) - 1, step=1, name="pruning level ")
    shown = alt.param(name="shown", value=_nearest(levels), bind=slider)
    panels = [
        _matrix(
            _cells(table[table.layer == depth], "subset_a", "subset_b", "jaccard", [(level,) for level in levels]),
            subsets,
            "Jaccard similarity",
            DEPTH_NAMES[depth],
        )
        for depth in depths
    ]
    title = _shown_title([f"{100 * level:.4g} % sparsity" for level in levels])
    return grid(panels, columns=len(panels), panel=300, legend=(1, 300), params=[shown], title=title)


def function(tables: Mapping[str, pd.DataFrame]) -> alt.ConcatChart:
    """Each ticket's score on each subset, beside how far two tickets agree, of one method at one level: those that
    there are, since RTL may be examined further than others.
    """
    scores, agreement = tables["function"], tables.get("agreement", pd.DataFrame())
    scores = scores[scores.metric == scores.metric.iloc[0]]
    subsets, methods = list(scores.subset.astype(str).unique()), list(scores.method.unique())
    levels = _thinned(sorted(scores.sparsity.unique()), len(methods) * len(subsets) ** 2 * 3 // 2)
    there = set(zip(scores.method, scores.sparsity, strict=True))
    sets = [(method, level) for method in methods for level in levels if (method, level) in there]
    texts = [f"{method_name(method)}, {100 * level:.4g} % sparsity" for method, level in sets]
    first = _nearest([level for method, level in sets if method == methods[0]])
    choice = alt.binding_select(options=list(range(len(sets))), labels=texts, name="tickets of ")
    shown = alt.param(name="shown", value=first, bind=choice)
    metric = scores.metric.iloc[0]
    higher = higher_is_better(tables["scoring"], metric)
    cells, title = _cells(scores, "ticket", "subset", "value", sets), "each ticket on each subset"
    panels = [_matrix(cells, subsets, metric_title(metric, higher), title, across="subset", rising=higher)]
    if not agreement.empty:
        cells = _cells(agreement, "ticket_a", "ticket_b", "agreement", sets)
        panels.append(_matrix(cells, subsets, "agreement of predictions", "agreement of two tickets"))
    return grid(
        panels, columns=len(panels), panel=330, legend=(1, 300), params=[shown], title=_shown_title(texts),
        resolve={"scale": {"color": "independent"}},
    )  # fmt: skip


def _matrix(
    cells: pd.DataFrame, subsets: Sequence[str], label: str, title: str, across: str = "ticket", rising: bool = True
) -> alt.LayerChart:
    """A heatmap of value over tickets a (down) and b (across).

    Args:
        cells: ``_cells``, of which those of the ``place`` that is shown are drawn. Where tickets also stand across,
            each pair is there once: it is drawn both ways, and the diagonal is 1, grey, and takes no part in the range
            of colours.
        subsets: the order of rows and columns.
        label: what the value is.
        title: what stands above.
        across: what stands across.
        rising: whether colours grow stronger from low to high, or from high to low.
    """
    few = len(subsets) <= MOST_NAMED
    ends = ["#ffffff", "#56B4E9" if few else "#08306b"]
    colours = alt.Scale(range=ends if rising else ends[::-1], interpolate="rgb", zero=False, nice=False)
    legend = alt.Legend(title=label, labelExpr=NUMBER, gradientLength=200, tickCount=4, direction="horizontal")
    look = {
        "color": alt.Color("value:Q", scale=colours, legend=legend),
        "tooltip": [
            alt.Tooltip("a:N", title="ticket"),
            alt.Tooltip("b:N", title=across),
            alt.Tooltip("value:Q", title=label, format=".3f"),
        ],
    }
    base = alt.Chart(cells).transform_filter("datum.place == shown").transform_calculate(text=NUMBER)
    drawn: list[tuple[alt.Chart, dict[str, Any], tuple[str, str]]] = [(base, look, ("a", "b"))]
    if across == "ticket":
        itself = alt.Chart(pd.DataFrame({"a": list(subsets), "text": "1"}))
        grey = {"color": alt.ColorValue("#d5d9de"), "tooltip": alt.Tooltip("a:N", title="ticket")}
        drawn += [(base, look, ("b", "a")), (itself, grey, ("a", "a"))]

    def placed(chart: alt.Chart, row: str, column: str) -> alt.Chart:
        order = alt.Scale(domain=list(subsets))
        x = alt.Axis(labelOverlap=not few, ticks=False, labelAngle=-45 if few else -90)
        return chart.encode(
            x=alt.X(f"{column}:N", scale=order, axis=x).title(across),
            y=alt.Y(f"{row}:N", scale=order, axis=alt.Axis(labelOverlap=not few, ticks=False)).title("ticket"),
        )

    layers = [placed(chart, *place).mark_rect().encode(**channels) for chart, channels, place in drawn]
    if few:
        texts = [placed(chart, *place).mark_text(fontSize=9.5, color="#111111") for chart, _, place in drawn]
        layers += [text.encode(text=alt.Text("text:N")) for text in texts]
    return layered(layers, width=270, height=270, title=title)


def _cells(rows: pd.DataFrame, down: str, across: str, value: str, sets: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    """a, b, value (mean over seeds), and place, that in ``sets``; rows of others are left out.

    ``sets``: sparsities, each after its method where there are several.
    """
    keys = ["method", "sparsity"][-len(sets[0]) :]
    places = pd.DataFrame(sets, columns=keys).assign(place=range(len(sets)))
    rows = rows.merge(places, on=keys)
    rows = rows.assign(a=rows[down].astype(str), b=rows[across].astype(str), value=rows[value])
    return rows.groupby(["place", "a", "b"], sort=False)["value"].mean().round(4).reset_index()


def _thinned(levels: Sequence[float], cells: int) -> list[float]:
    """As many levels as may be embedded, at equal distances, the one shown first among them.

    Args:
        levels: all levels, ascending.
        cells: how many cells each takes.
    """
    most, first = max(1, MOST_ROWS // cells), _nearest(levels)
    if len(levels) <= most:
        return list(levels)
    places = even_places(len(levels), most)
    places[np.abs(places - first).argmin()] = first
    return [levels[place] for place in places]


def _nearest(levels: Sequence[float]) -> int:
    """The place in ``levels`` of the one to show first."""
    return min(range(len(levels)), key=lambda place: abs(levels[place] - FIRST_SHOWN))


def _shown_title(texts: Sequence[str]) -> alt.TitleParams:
    return alt.TitleParams(alt.ExprRef(f"{json.dumps(texts)}[shown]"), anchor="start", fontSize=14)
