"""The figure of alignment: whether subsets that mean alike get masks that are alike."""

import altair as alt
import pandas as pd

from tasks.figures.axes import opacity, percent_of, picked_in, span_of, value_axis
from tasks.figures.lines import Tables
from tasks.figures.styles import NAMED_STYLES, OTHER, channels, grid
from tasks.tables.names import DEPTH_NAMES

SIGNIFICANT = 0.05


def alignment(tables: Tables) -> alt.ConcatChart:
    """Rank correlation of mask similarity and semantic similarity, against sparsity and against training time."""
    table = tables["alignment"]
    table = table.assign(
        name=table.depth.map(lambda depth: DEPTH_NAMES.get(depth, depth)),
        place=table["at"].where(table.over != "sparsity", percent_of(table["at"])),
    )
    styles = {name: NAMED_STYLES.get(name, OTHER) for name in table.name.unique()}
    picked, y = picked_in(), value_axis("rho", "Spearman's ρ", span_of([*table.rho, 0]))
    panels = []
    for over, title in (("sparsity", "sparsity, %"), ("epoch", "epoch")):
        if (rows := table[table.over == over]).empty:
            continue
        x = alt.X("place:Q").title(title).scale(domain=span_of(rows.place), nice=False).axis(tickCount=6)
        look = channels("name", styles)
        base = alt.Chart(rows).encode(x=x, opacity=opacity(picked))
        zero = alt.Chart(pd.DataFrame({"rho": [0.0]})).mark_rule(color="#8a929c").encode(y=y)
        line = base.mark_line(strokeWidth=1.6).encode(
            y=alt.Y("mean(rho):Q").title("Spearman's ρ"), color=look["color"], strokeDash=look["strokeDash"]
        )
        points = base.encode(
            y=y, color=look["color"], shape=look["shape"],
            tooltip=[
                alt.Tooltip("name:N", title="depth"), alt.Tooltip("place:Q", title=title), alt.Tooltip("seed:N"),
                alt.Tooltip("rho:Q", title="ρ", format=".3f"), alt.Tooltip("p:Q", format=".3f"),
            ],
        )  # fmt: skip
        significant = f"datum.p !== null && datum.p < {SIGNIFICANT}"
        filled = points.transform_filter(significant).mark_point(filled=True, size=45)
        hollow = points.transform_filter(f"!({significant})").mark_point(size=40, strokeWidth=1.4)
        panels.append(alt.layer(zero, line, hollow, filled).properties(width=340, height=210, title=f"against {over}"))
    panels[0] = panels[0].add_params(picked)
    return grid(panels, columns=len(panels), panel=330, legend=(5, 130))
