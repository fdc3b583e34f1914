"""The figure of scores: each metric against sparsity, a line a method."""

import altair as alt

from tasks.figures.axes import percent_of, picked_in, span_of, sparsity_axis, value_axis
from tasks.figures.lines import Tables, lines
from tasks.figures.styles import grid, layered, styles_of
from tasks.tables.directions import higher_is_better
from tasks.tables.names import method_name, metric_title


def metrics(tables: Tables) -> alt.ConcatChart:
    """A panel per protocol and metric: mean over seeds with its interval, one line per method."""
    summary = tables["summary"]
    rows = summary.assign(percent=percent_of(summary.sparsity), name=summary.method.map(method_name))
    styles = styles_of(rows.name)
    x = sparsity_axis(rows.percent, sorted(rows.percent.unique()))
    panels = []
    for (protocol, metric), group in rows.groupby(["protocol", "metric"], sort=False):
        name = metric_title(metric, higher_is_better(tables["scoring"], metric))
        title = alt.TitleParams(name, subtitle=f"{protocol} protocol")
        y = value_axis("mean", None, span_of(group[["mean", "low", "high"]].stack()))
        panels.append(layered(lines(group, styles, x, y), width=230, height=150, title=title))
    return grid(panels, columns=3, panel=280, legend=(5, 190), params=[picked_in()], styles=styles)
