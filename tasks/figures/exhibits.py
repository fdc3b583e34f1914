"""The figure of pictures: what came out at several sparsities, below what it is to be held against."""

import base64
import struct
from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from tasks.figures.axes import even_places
from tasks.figures.styles import grid, layered
from tasks.tables.exhibits import lower_note, scored
from tasks.tables.names import method_name

MOST_LEVELS = 4
NARROWEST, WIDEST, GAP = 108, 180, 8
"""Pixels that a picture and the gap beside it take at least and at most, and that gap."""
CAPTION = 19
MOST_WIDE = 900
"""Pixels that pictures take side by side in a picture of the figure; in a page, they take what there is."""


def exhibits(tables: Mapping[str, pd.DataFrame]) -> alt.ConcatChart:
    """The references, then a panel per exhibit and sparsity with a picture per method, of the first seed."""
    table = tables["exhibits"]
    table = table.assign(ratio=table.png.map(_ratio), url=table.png.map(_url))
    references, made = table[table.sparsity.isna()].drop_duplicates("exhibit"), table[table.sparsity.notna()]
    made = scored(made[made.seed == made.seed.min()], tables)
    lower = lower_note(tables)
    methods, levels = list(made.method.unique()), sorted(made.sparsity.unique())
    made = made.assign(place=made.method.map(methods.index), above=made.method.map(method_name))
    shown = made[made.sparsity.isin([levels[place] for place in even_places(len(levels), MOST_LEVELS)])]
    # Of panels below one another, as wide as each other, Vega-Lite's signal ``width`` is the width of each.
    width = min(MOST_WIDE, WIDEST * max(len(methods), len(references)))
    panels = [
        _row(f"{exhibit}, {100 * level:g} % sparsity{lower}", pictures, len(methods), width)
        for exhibit, group in shown.groupby("exhibit", sort=False)
        for level, pictures in group.groupby("sparsity")
    ]
    if not references.empty:
        named = references.assign(place=range(len(references)), above=references.exhibit)
        panels.insert(0, _row("", named, len(references), width))
    return grid(panels, columns=1, panel=width, legend=(1, width))


def _row(title: str, pictures: pd.DataFrame, count: int, width: int) -> alt.LayerChart:
    """Pictures side by side, in as many lines as a panel of this width needs.

    The panel itself has no height: the pictures hang from its upper edge, and the layout makes room for all marks.

    Args:
        title: what stands above.
        pictures: place, url, ratio (height to width), above and, where there are captions below, below.
        count: of places.
        width: of the panel, in pixels.
    """
    captions = 2 if "below" in pictures else 1
    fitting = f"ceil({count} / max(1, floor(width / {NARROWEST})))"
    columns = f"ceil({count} / {fitting})"
    pitch = f"datum.side * {pictures.ratio.max()} + {CAPTION * captions + GAP}"
    kept = pictures.filter(["place", "url", "ratio", "above", "below"])
    base = (
        alt.Chart(kept)
        .transform_calculate(columns=columns)
        .transform_calculate(side=f"min({WIDEST}, width / datum.columns) - {GAP}")
        .transform_calculate(
            left=f"(datum.place % datum.columns) * (datum.side + {GAP})",
            top=f"floor(datum.place / datum.columns) * ({pitch}) + {CAPTION}",
        )
        .transform_calculate(tall="datum.side * datum.ratio", bottom="datum.top + datum.side * datum.ratio")
        .encode(x=alt.X("left:Q", scale=None, axis=None), tooltip=alt.Tooltip("above:N"))
    )
    size: dict[str, Any] = {"width": alt.ExprRef("datum.side"), "height": alt.ExprRef("datum.tall")}
    image = base.mark_image(align="left", baseline="top", smooth=False, **size)
    text: dict[str, Any] = {"align": "left", "limit": alt.ExprRef("datum.side"), "fontSize": 12}
    layers = [
        image.encode(y=_pixels("top"), url=alt.Url("url:N"), description=alt.Description("above:N")),
        base.mark_text(baseline="bottom", dy=-4, color="#1c2228", **text).encode(
            y=_pixels("top"), text=alt.Text("above:N")
        ),
    ]
    if captions == 2:
        score = base.mark_text(baseline="top", dy=4, color="#55606b", **text)
        layers.append(score.encode(y=_pixels("bottom"), text=alt.Text("below:N")))
    return layered(layers, height=0, width=width, title=title)


def _pixels(field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", scale=None, axis=None)


def _ratio(png: bytes) -> float:
    """Height to width, from where every PNG has them."""
    width, height = struct.unpack(">II", png[16:24])
    return float(height / width)


def _url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
