"""The figure of worth against likeness: what a ticket scores, and how alike its mask is to the other tickets'."""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from tasks.figures.axes import percent_of, span_of, value_axis
from tasks.figures.styles import grid
from tasks.tables.collapse import correlation
from tasks.tables.directions import higher_is_better
from tasks.tables.names import MEAN, MEASURES, method_name, metric_title


def worth(tables: Mapping[str, pd.DataFrame]) -> alt.ConcatChart:
    """A row per method, a column per measure of similarity; a point per ticket and sparsity.

    Where a metric has no figure for single tickets, points are the means over tickets.
    """
    table = tables["collapse"]
    table = table[table.metric == table.metric.iloc[0]].assign(percent=lambda rows: percent_of(rows.sparsity))
    tickets = table[table.subset.astype(str) != MEAN]
    points = table if tickets.empty else tickets
    higher = higher_is_better(tables["scoring"], table.metric.iloc[0])
    metric = metric_title(table.metric.iloc[0], higher)
    measures = [measure for measure in MEASURES if measure in points.dropna(axis="columns", how="all")]
    spans = {column: span_of(points[column]) for column in ("value", *measures)}
    panels = [
        _points(
            rows,
            measure,
            metric,
            spans,
            alt.TitleParams(method_name(str(method)), subtitle=correlation(rows, measure, higher)),
        )
        for method, rows in points.groupby("method", sort=False)
        for measure in measures
    ]
    return grid(panels, columns=len(measures), panel=290, legend=(1, 300))


def _points(
    rows: pd.DataFrame, measure: str, metric: str, spans: Mapping[str, tuple[float, float]], title: alt.TitleParams
) -> alt.Chart:
    places = rows.filter(["instance", "seed", "subset", "percent", *spans])
    x = alt.X(f"{measure}:Q").title(MEASURES[measure]).scale(domain=spans[measure], nice=False, zero=False)
    legend = alt.Legend(title="sparsity, %", gradientLength=200, tickCount=4, direction="horizontal")
    # The ends of viridis are lost on white and, in a page, on black.
    colours = alt.Scale(scheme=alt.SchemeParams("viridis", extent=[0.85, 0.35]), nice=False, zero=False)
    chart: alt.Chart = (
        alt.Chart(places.round(6), width=230, height=210, title=title)
        .mark_point(filled=True, size=26, opacity=0.75)
        .encode(
            x=x.axis(tickCount=5), y=value_axis("value", metric, spans["value"]),
            color=alt.Color("percent:Q", scale=colours, legend=legend),
            tooltip=[
                *(alt.Tooltip(f"{column}:N") for column in places.filter(["instance", "seed"])),
                alt.Tooltip("subset:N", title="ticket"), alt.Tooltip("percent:Q", title="sparsity, %"),
                alt.Tooltip("value:Q", title=metric, format=".4f"),
                alt.Tooltip(f"{measure}:Q", title=MEASURES[measure], format=".3f"),
            ],
        )
    )  # fmt: skip
    return chart
