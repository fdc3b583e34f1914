"""Figures of every pair of subsets: similarity of masks, scores of each ticket on each subset, agreement."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from tasks.figures.axes import even_places
from tasks.figures.styles import MOST_NAMED, grid
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
    cells = _cells(table, "subset_a", "subset_b", "jaccard", ["layer", "sparsity"], levels)
    shown = _level_choice(levels, alt.binding_range(min=0, max=len(levels) - 1, step=1, name="pruning level "))
    panels = [
        _matrix(
            cells[cells.layer == depth].drop(columns="layer"), subsets, "datum.level == shown", "Jaccard similarity"
        ).properties(title=DEPTH_NAMES[depth])
        for depth in depths
    ]
    panels[0] = panels[0].add_params(shown)
    return grid(panels, columns=len(panels), panel=300, legend=(1, 300), title=_level_title(levels))


def function(tables: Mapping[str, pd.DataFrame]) -> alt.ConcatChart:
    """Each ticket's score on each subset, beside how far two tickets agree; one method and level at a time."""
    scores, agreement = tables["function"], tables.get("agreement", pd.DataFrame())
    scores = scores[scores.metric == scores.metric.iloc[0]]
    subsets, methods = list(scores.subset.astype(str).unique()), list(scores.method.unique())
    levels = _thinned(sorted(scores.sparsity.unique()), len(methods) * len(subsets) ** 2 * 3 // 2)
    texts = [f"{100 * level:g} %" for level in levels]
    choice = alt.binding_select(options=list(range(len(levels))), labels=texts, name="sparsity ")
    names = [method_name(name) for name in methods]
    method = alt.param(
        name="method", value=methods[0], bind=alt.binding_select(options=methods, labels=names, name="method ")
    )
    wanted, keys = "datum.level == shown && datum.method == method", ["method", "sparsity"]
    cells = _cells(scores, "ticket", "subset", "value", keys, levels)
    metric = scores.metric.iloc[0]
    higher = higher_is_better(tables["scoring"], metric)
    panels = [
        _matrix(cells, subsets, wanted, metric_title(metric, higher), across="subset", rising=higher).properties(
            title="each ticket on each subset"
        )
    ]
    if not agreement.empty:
        cells = _cells(agreement, "ticket_a", "ticket_b", "agreement", keys, levels)
        panels.append(
            _matrix(cells, subsets, wanted, "agreement of predictions").properties(title="agreement of two tickets")
        )
    panels[0] = panels[0].add_params(_level_choice(levels, choice), method)
    title = f"{json.dumps(dict(zip(methods, names, strict=True)))}[method] + ', ' + "
    return grid(
        panels, columns=len(panels), panel=330, legend=(1, 300), title=_level_title(levels, title),
        resolve={"scale": {"color": "independent"}},
    )  # fmt: skip


def _matrix(
    cells: pd.DataFrame, subsets: Sequence[str], wanted: str, label: str, across: str = "ticket", rising: bool = True
) -> alt.LayerChart | alt.FacetChart:
    """A heatmap of value over tickets a (down) and b (across).

    Args:
        cells: a, b, value. Where tickets also stand across, each pair is there once: it is drawn both ways, and the
            diagonal is 1, grey, and takes no part in the range of colours.
        subsets: the order of rows and columns.
        wanted: Vega's expression for the cells to show.
        label: what the value is.
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
    base = alt.Chart(cells).transform_filter(wanted).transform_calculate(text=NUMBER)
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
    return alt.layer(*layers).properties(width=270, height=270)


def _cells(
    rows: pd.DataFrame, down: str, across: str, value: str, keys: list[str], levels: Sequence[float]
) -> pd.DataFrame:
    """a, b, value (mean over seeds), level (place in ``levels``; rows of other levels are left out), and the keys."""
    rows = rows[rows.sparsity.isin(levels)]
    rows = rows.assign(a=rows[down].astype(str), b=rows[across].astype(str), value=rows[value])
    cells = rows.groupby([*keys, "a", "b"], sort=False)["value"].mean().round(4).reset_index()
    return cells.assign(level=cells.pop("sparsity").map({level: i for i, level in enumerate(levels)}))


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


def _level_choice(levels: Sequence[float], bind: alt.Binding) -> alt.Parameter:
    """The place in ``levels`` of the sparsity that is shown."""
    return alt.param(name="shown", value=_nearest(levels), bind=bind)


def _level_title(levels: Sequence[float], before: str = "") -> alt.TitleParams:
    texts = [f"{100 * level:.4g} % sparsity" for level in levels]
    return alt.TitleParams(alt.ExprRef(f"{before}{json.dumps(texts)}[shown]"), anchor="start", fontSize=14)
