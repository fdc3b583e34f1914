"""Dot plots: a row per place, a mark per method, a panel per sparsity."""

from collections.abc import Callable, Sequence
from typing import Literal

import altair as alt
import pandas as pd

from tasks.figures.axes import even_places, opacity, picked_in, span_of
from tasks.figures.styles import channels, grid, styles_of

MOST_LEVELS = 4
MOST_TALL = 40
ROW, LOW_ROW = 18, 11
"""Pixels of a row; with more than so many places, of a low one, where not all are named."""


def dots(
    means: pd.DataFrame,
    place: Literal["instance", "subset"],
    title: str,
    about: Callable[[pd.DataFrame], Sequence[str]],
) -> alt.ConcatChart:
    """Panels of at most four sparsities.

    Args:
        means: sparsity, name, value, and a column that says where.
        place: that column.
        title: what the values are.
        about: lines to stand below the title of a panel, from its rows.
    """
    order = list(means[place].unique())
    styles = styles_of(means.name)
    look, step = channels("name", styles), ROW if len(order) <= MOST_TALL else LOW_ROW
    levels = sorted(means.sparsity.unique())
    y_axis = alt.Axis(grid=True, ticks=False, domain=False, labelOverlap=True)
    panels = []
    for number in even_places(len(levels), MOST_LEVELS):
        level = means[means.sparsity == levels[number]]
        x_scale = alt.Scale(domain=span_of(level.value), nice=False)
        head = alt.TitleParams(f"{100 * levels[number]:g} % sparsity", subtitle=about(level))
        points = alt.Chart(
            level[[place, "name", "value"]].round(6),
            mark=alt.MarkDef(type="point", filled=True, size=3 * step),
            width=330,
            height=step * len(order),
            title=head,
        )
        panels.append(
            points.encode(
                x=alt.X("value:Q", title=title, scale=x_scale, axis=alt.Axis(tickCount=5)),
                y=alt.Y(f"{place}:N", sort=order, title=None, axis=y_axis),
                color=look["color"], shape=look["shape"], opacity=opacity(),
                tooltip=[
                    alt.Tooltip(f"{place}:N"), alt.Tooltip("name:N", title=" "),
                    alt.Tooltip("value:Q", title=title, format=".4f"),
                ],
            )
        )  # fmt: skip
    columns = min(2, len(panels))
    return grid(panels, columns=columns, panel=360, legend=(5, 190), params=[picked_in()], styles=styles)
