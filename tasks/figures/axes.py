"""What the axes of figures span, and how a name is picked out in every panel at once."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

Span = tuple[float, float]
FADED = 0.1


def percent_of(sparsity: pd.Series) -> pd.Series:
    """Sparsities as figures show them."""
    return (100 * sparsity).round(4)


def span_of(values: Any) -> Span:
    """Where an axis begins and ends: a little beyond the values."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = 0.04 * (high - low) or max(0.05 * abs(high), 0.05)
    return low - margin, high + margin


def sparsity_axis(percent: pd.Series, ticks: Sequence[float] | None = None) -> alt.X:
    """The horizontal axis of the column ``percent``."""
    axis = alt.Axis(tickCount=6) if ticks is None else alt.Axis(values=list(ticks), labelOverlap="greedy")
    return alt.X("percent:Q").title("sparsity, %").scale(domain=span_of(percent), nice=False, zero=False).axis(axis)


def value_axis(field: str, title: str | None, span: Span) -> alt.Y:
    """The vertical axis of a column."""
    return alt.Y(f"{field}:Q").title(title).scale(domain=span, nice=False, zero=False).axis(tickCount=5)


def on_axis(axis: Any, field: str) -> Any:
    """The same axis for another column."""
    other = axis.copy()
    other.shorthand = f"{field}:Q"
    return other


def picked_in(names: Sequence[str] | None = None) -> alt.Parameter:
    """What is highlighted: chosen in the legend or, of many, in a list."""
    if names is None:
        return alt.selection_point(name="picked", fields=["name"], bind="legend")
    options = alt.binding_select(options=[None, *names], labels=["all", *names], name="ticket ")
    return alt.selection_point(name="picked", fields=["name"], bind={"name": options})  # type: ignore[arg-type]


def opacity(picked: alt.Parameter, full: float = 1, faded: float = FADED) -> alt.OpacityValue:
    """Full for what is picked, and faded for the rest."""
    return alt.OpacityValue(faded, condition=[{"param": picked.name, "value": full}])


def even_places(count: int, most: int) -> np.ndarray:
    """At most ``most`` places out of ``count``, at equal distances, the first and the last among them."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)
