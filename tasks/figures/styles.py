"""How methods, masks and depths look in every figure: colour, shape and dash, so that none is told by colour alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal

import altair as alt
import pandas as pd

from rtl_core.methods import METHODS
from tasks.figures.fonts import FAMILY
from tasks.tables.names import DEPTH_NAMES, MASKS_NAMES


@dataclass(frozen=True)
class Style:
    """Okabe and Ito's colour-blind-safe colours, a symbol of Vega, and dashes in pixels."""

    colour: str
    shape: str
    dash: tuple[int, ...]


INK, SOFT, LABEL, RULE, LINE, PAPER = "#1c2228", "#55606b", "#333b44", "#8a929c", "#e4e7eb", "#ffffff"
"""The greys of a picture. In a page, they and black are those of its theme: ``tasks.report.vega``."""
OTHER = Style("#000000", "triangle-right", (1, 0))
BAR = "M-1,-.3H1V.3H-1Z"

METHOD_STYLES = {name: Style(row.colour, row.shape, row.dash) for name, row in METHODS.items()}
MASKS_STYLES = {
    "rtl": METHOD_STYLES["rtl"],
    "same_subset": Style("#E69F00", "square", (7, 3)),
    "random_partition": Style("#009E73", "triangle-up", (2, 2)),
    "initial_magnitude": METHOD_STYLES["initial_magnitude_masks"],
}
MOST_NAMED = 12
"""So many subsets at most are named and numbered on a figure; with more, pointing at a mark tells them."""
LOOK: dict[str, Any] = {
    "font": f"{FAMILY}, DejaVu Sans, Arial, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "gridColor": LINE, "domainColor": RULE, "tickColor": RULE, "labelColor": LABEL,
        "titleColor": LABEL, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
        "titlePadding": 6,
    },
    "title": {
        "fontSize": 13, "fontWeight": 600, "anchor": "start", "frame": "group", "color": INK, "offset": 8,
        "subtitleFontSize": 12, "subtitleColor": SOFT,
    },
    "legend": {
        "orient": "top", "labelFontSize": 12, "labelLimit": 0, "labelColor": INK, "symbolSize": 90,
        "columnPadding": 16, "rowPadding": 4, "titleFontSize": 12, "titleFontWeight": "normal", "titleLimit": 0,
        "titleColor": INK,
    },
}  # fmt: skip
"""Vega-Lite's configuration of every figure."""
CHANCE_NAME = "chance, for Jaccard"
DEPTH_STYLES = {
    "all": Style("#000000", "circle", (1, 0)),
    "shallow": Style("#56B4E9", "triangle-up", (2, 2)),
    "middle": Style("#E69F00", "square", (7, 3)),
    "deep": Style("#0072B2", "diamond", (7, 3, 2, 3)),
}
CURVE_STYLES = {
    "metric": Style("#A84A00", "stroke", (1, 0)),
    "departure": Style("#005A8C", "stroke", (6, 3)),
    "alarm": Style("#8F3A6B", "stroke", (2, 2)),
}
TICKET_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#999999")
TICKET_DASHES = ((1, 0), (5, 2))

NAMED_STYLES = {
    **{METHODS[key].title: style for key, style in METHOD_STYLES.items()},
    **{MASKS_NAMES[key]: style for key, style in MASKS_STYLES.items()},
    **{DEPTH_NAMES[key]: style for key, style in DEPTH_STYLES.items()},
    CHANCE_NAME: Style("#999999", BAR, (2, 4)),
}
"""Styles by the name that people read."""


def styles_of(names: Iterable[str]) -> dict[str, Style]:
    """The style of each name, in the one order that methods and masks have everywhere; others come last."""
    order = {name: place for place, name in enumerate(NAMED_STYLES)}
    there = sorted(dict.fromkeys(names), key=lambda name: order.get(name, len(order)))
    return {name: NAMED_STYLES.get(name, OTHER) for name in there}


def ticket_styles(tickets: Sequence[str]) -> dict[str, Style]:
    """A style for each of a dozen tickets: every colour once, then once more with dashes."""
    return {
        ticket: Style(TICKET_COLOURS[i % len(TICKET_COLOURS)], "stroke", TICKET_DASHES[i // len(TICKET_COLOURS)])
        for i, ticket in enumerate(tickets)
    }


def channels(
    field: str, styles: Mapping[str, Style], symbol: Literal["shape", "stroke"] | None = "shape"
) -> dict[str, Any]:
    """The encodings that tell the names in a field apart: colour, shape and dash.

    The domain is the same wherever it is used, so that panels share one legend.

    Args:
        field: the column of names.
        styles: the names in their order, and how each looks.
        symbol: whether the legend shows shapes or dashes; None for no legend.
    """
    names = list(styles)

    def scale(values: Iterable[Any]) -> alt.Scale:
        return alt.Scale(domain=names, range=list(values))

    # Vega-Lite merges the three into one legend; its outlines would show dashes around shapes.
    line = {"symbolType": "stroke", "symbolSize": 300, "symbolStrokeWidth": 2}
    look = line if symbol == "stroke" else {"symbolStrokeWidth": 0}
    legend = alt.Legend(title=None, symbolOpacity=1, **look) if symbol else None
    return {
        "color": alt.Color(f"{field}:N", scale=scale(s.colour for s in styles.values()), legend=legend),
        "shape": alt.Shape(f"{field}:N", scale=scale(s.shape for s in styles.values()), legend=legend),
        "strokeDash": alt.StrokeDash(f"{field}:N", scale=scale(list(s.dash) for s in styles.values()), legend=legend),
    }


def grid(
    panels: Sequence[Any],
    columns: int,
    panel: int,
    legend: tuple[int, int],
    params: Sequence[Any] = (),
    styles: Mapping[str, Style] = MappingProxyType({}),
    **properties: Any,
) -> alt.ConcatChart:
    """Panels side by side under one legend.

    Args:
        panels: the charts.
        columns: how many stand in a row where there is room.
        panel: pixels that a panel with its axes and labels needs; on a small screen a page puts fewer in a row.
        legend: entries in a row of the legend where there is room, and pixels that each needs.
        params: what may be changed of it; ``picked_in`` where names can be picked.
        styles: how the names in its legend look: a page has a legend of its own, whose names are buttons.
        properties: of the whole, as Altair names them.
    """
    whole = _Grid(
        columns=columns,
        spacing={"row": 24, "column": 20},
        padding=8,
        usermeta={"panel": panel, "names": {name: asdict(style) for name, style in styles.items()}},
        params=[one.param for one in params],
        background=PAPER,
        config={**LOOK, "legend": {**LOOK["legend"], "columns": legend[0]}},
        **properties,
    )
    whole.data, whole.concat = _with_data_apart(panels)
    return whole


def layered(layers: Sequence[Any], **properties: Any) -> alt.LayerChart:
    """A panel of layers; ``properties`` of the whole, as Altair names them."""
    panel = _Layers(**properties)
    panel.data, panel.layer = _with_data_apart(layers)
    return panel


def _with_data_apart(charts: Sequence[Any]) -> tuple[Any, list[Any]]:
    """The table that all have, if they do, and the charts without it, as Altair's constructors have them."""
    table = charts[0].data
    common = all(isinstance(chart, alt.Chart) and chart.data is table for chart in charts)
    if not common or not isinstance(table, pd.DataFrame):
        return alt.Undefined, list(charts)
    bare = [chart.copy(deep=False) for chart in charts]
    for chart in bare:
        chart.data = alt.Undefined
    return table, bare


class _Shared(alt.SchemaBase):
    """A chart of charts whose copies share what it holds, where Altair's constructors copy it all, and as a chart
    becomes Vega-Lite they do so several times. Nothing is to be added to one that is made: its copies would have it.
    """

    def copy(self, deep: bool | Iterable[Any] = True, ignore: list[str] | None = None) -> Any:
        copy = object.__new__(type(self))
        alt.SchemaBase.__init__(copy, *self._args, **self._kwds)
        return copy


class _Grid(_Shared, alt.ConcatChart):
    pass


class _Layers(_Shared, alt.LayerChart):
    pass
