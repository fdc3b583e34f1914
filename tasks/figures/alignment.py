"""The figure of alignment: whether subsets that mean alike get masks that are alike."""

import altair as alt
import pandas as pd

from tasks.figures.axes import opacity, percent_of, picked_in, span_of, sparsity_axis, value_axis, with_density
from tasks.figures.lines import Tables
from tasks.figures.styles import RULE, channels, grid, layered, styles_of
from tasks.tables.names import DEPTH_NAMES

SIGNIFICANT = 0.05


def alignment(tables: Tables) -> alt.ConcatChart:
    """Rank correlation of mask similarity and semantic similarity, against sparsity and against training time."""
    table = tables["alignment"]
    table = table.assign(
        name=table.depth.map(lambda depth: DEPTH_NAMES.get(depth, depth)),
        percent=percent_of(table["at"]),
    )
    styles = styles_of(table.name)
    look, y = channels("name", styles), value_axis("rho", "Spearman's ρ", span_of([*table.rho, 0]))
    panels = []
    for over, place, title in (("sparsity", "percent:Q", "sparsity, %"), ("epoch", "at:Q", "epoch")):
        if (rows := table[table.over == over]).empty:
            continue
        x = sparsity_axis(rows.percent) if over == "sparsity" else _epoch_axis(rows["at"])
        base = alt.Chart(with_density(rows)).encode(x=x, opacity=opacity())
        zero = alt.Chart(pd.DataFrame({"rho": [0.0]})).mark_rule(color=RULE).encode(y=y)
        line = base.mark_line(strokeWidth=1.6).encode(
            y=alt.Y("mean(rho):Q").title("Spearman's ρ"), color=look["color"], strokeDash=look["strokeDash"]
        )
        points = base.encode(
            y=y, color=look["color"], shape=look["shape"],
            tooltip=[
                alt.Tooltip("name:N", title="depth"), alt.Tooltip(place, title=title), alt.Tooltip("seed:N"),
                alt.Tooltip("rho:Q", title="ρ", format=".3f"), alt.Tooltip("p:Q", format=".3f"),
            ],
        )  # fmt: skip
        significant = f"datum.p !== null && datum.p < {SIGNIFICANT}"
        filled = points.transform_filter(significant).mark_point(filled=True, size=45)
        hollow = points.transform_filter(f"!({significant})").mark_point(size=40, strokeWidth=1.4)
        layers = [zero, line, hollow, filled]
        panels.append(layered(layers, width=340, height=210, title=f"against {over}"))
    return grid(panels, columns=len(panels), panel=330, legend=(5, 130), params=[picked_in()], styles=styles)


def _epoch_axis(epochs: pd.Series) -> alt.X:
    scale = alt.Scale(domain=span_of(epochs), nice=False)
    return alt.X("at:Q", title="epoch", scale=scale, axis=alt.Axis(tickCount=6))
