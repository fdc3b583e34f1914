"""The figure of weights kept: one bar per method, a panel per sparsity."""

import math
from collections.abc import Mapping

import altair as alt
import pandas as pd

from tasks.figures.styles import INK, grid, layered, styles_of
from tasks.tables.names import method_name


def parameters(tables: Mapping[str, pd.DataFrame]) -> alt.ConcatChart:
    """Prunable weights in the union of a method's masks, on a logarithmic axis, averaged over seeds."""
    table = tables["parameters"]
    means = table.groupby(["sparsity", "method"], sort=False)["union"].mean().reset_index(name="kept")
    least, most = math.ceil(math.log10(means.kept.min())) - 1, math.ceil(math.log10(means.kept.max()))
    means = means.assign(name=means.method.map(method_name), base=10.0**least)
    styles = styles_of(means.name)
    names, colours = list(styles), [style.colour for style in styles.values()]
    panels = []
    for sparsity, rows in means.groupby("sparsity"):
        x = alt.X("kept:Q").title("prunable weights kept").scale(type="log", domain=[10.0**least, 10.0**most])
        base = alt.Chart(rows[["name", "kept", "base"]]).encode(
            x=x.axis(format="~s", values=[10.0**power for power in range(least, most + 1)]),
            y=alt.Y("name:N", sort=names).title(None).axis(labelLimit=0, ticks=False, domain=False),
            tooltip=[alt.Tooltip("name:N", title="method"), alt.Tooltip("kept:Q", title="kept", format=",.0f")],
        )
        bars = base.mark_bar(height={"band": 0.7}).encode(
            x2="base:Q", color=alt.Color("name:N", scale=alt.Scale(domain=names, range=colours), legend=None)
        )
        text = base.mark_text(align="left", dx=4, fontSize=12, color=INK).encode(text=alt.Text("kept:Q", format=".3~s"))
        title = f"{100 * float(sparsity):g} % sparsity"
        panels.append(layered([bars, text], width=190, height=20 * len(names), title=title))
    return grid(panels, columns=min(3, len(panels)), panel=300, legend=(5, 190))
