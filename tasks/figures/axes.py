"""What the axes of figures span, and how a name is picked out in every panel at once."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

Span = tuple[float, float]
FADED = 0.1
SPARSITIES = (0, 25, 50, 75, 90, 95, 98, 99, 99.5, 99.8, 99.9)
"""Percent at which an axis has ticks, of those that it reaches."""


def percent_of(sparsity: pd.Series) -> pd.Series:
    """Sparsities as figures show them."""
    return (100 * sparsity).round(4)


def with_density(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the column ``density``, in percent: where ``sparsity_axis`` puts them."""
    return rows.assign(density=density_of(rows.percent))


def density_of(percent: Any) -> Any:
    """What is kept of what is pruned, in percent."""
    return np.round(100 - percent, 4)


def span_of(values: Any) -> Span:
    """Where an axis begins and ends: a little beyond the values."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = 0.04 * (high - low) or max(0.05 * abs(high), 0.05)
    return low - margin, high + margin


def log_span_of(values: Any) -> Span:
    """As ``span_of``, on a logarithmic axis."""
    low, high = span_of(np.log10(values))
    return 10**low, 10**high


def sparsity_axis(percent: pd.Series, ticks: Sequence[float] | None = None) -> alt.X:
    """The horizontal axis of the column ``density``: its logarithm, so that from 90 to 99 % there is as much room as
    from 0 to 90, labelled in percent of sparsity.
    """
    low, high = log_span_of(density_of(percent))
    places = [density_of(tick) for tick in ticks or SPARSITIES if low <= density_of(tick) <= high]
    axis = alt.Axis(values=places, labelExpr="format(100 - datum.value, '.4~')", labelOverlap="greedy")
    return alt.X(
        "density:Q", title="sparsity, %", scale=alt.Scale(type="log", domain=[high, low], nice=False), axis=axis
    )


def value_axis(field: str, title: str | None, span: Span) -> alt.Y:
    """The vertical axis of a column."""
    scale = alt.Scale(domain=list(span), nice=False, zero=False)
    return alt.Y(f"{field}:Q", title=title, scale=scale, axis=alt.Axis(tickCount=5))


def on_axis(axis: Any, field: str) -> Any:
    """The same axis for another column."""
    other = axis.copy(deep=False)
    other.shorthand = f"{field}:Q"
    return other


def picked_in(names: Sequence[str] | None = None) -> alt.Parameter:
    """The name that is highlighted: chosen in a page's legend or, of many, in a list; null for none."""
    if names is None:
        return alt.param(name="picked", value=None)
    options = alt.binding_select(options=[None, *names], labels=["all", *names], name="ticket ")
    return alt.param(name="picked", value=None, bind=options)


def opacity(full: float = 1, faded: float = FADED) -> alt.OpacityValue:
    """Full for what is picked, and faded for the rest."""
    return alt.OpacityValue(faded, condition=[{"test": "picked === null || datum.name === picked", "value": full}])


def even_places(count: int, most: int) -> np.ndarray:
    """At most ``most`` places out of ``count``, at equal distances, the first and the last among them."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)
