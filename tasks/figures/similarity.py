"""The figures of similarity: RTL's masks against sparsity, above the floor that the controls give."""

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from tasks.figures.axes import density_of, log_span_of, percent_of, picked_in, span_of, sparsity_axis, value_axis
from tasks.figures.lines import Tables, lines, marks_of, over_seeds, rules
from tasks.figures.styles import CHANCE_NAME, grid, layered, styles_of
from tasks.tables.names import CURVE_NAMES, DEPTH_NAMES, MASKS_NAMES, MEASURES


def similarity(tables: Tables) -> alt.ConcatChart | None:
    """A panel per measure of similarity, over all layers: RTL's masks, and the controls as noise floor."""
    return _panels(tables, ["all"])


def similarity_by_depth(tables: Tables) -> alt.ConcatChart | None:
    """As ``similarity``, a row per measure and a column per depth."""
    return _panels(tables, [depth for depth in DEPTH_NAMES if depth != "all"])


def _panels(tables: Tables, wanted: Sequence[str]) -> alt.ConcatChart | None:
    table = tables["similarity"]
    depths = [depth for depth in wanted if depth in set(table.layer)]
    if not depths:
        return None
    table = table[table.layer.isin(depths)]
    table = table.assign(name=table.masks.map(lambda masks: MASKS_NAMES.get(masks, masks)))
    nothing = {"excess": np.nan, "departure": np.nan}
    chance = table[table.masks == "rtl"].assign(name=CHANCE_NAME, jaccard=lambda rows: rows.chance, **nothing)
    rows = pd.concat([table, chance]).assign(percent=lambda rows: percent_of(rows.sparsity))
    styles = styles_of(rows.name)
    x, reach = sparsity_axis(rows.percent), log_span_of(density_of(rows.percent))
    marks = marks_of(tables, "rtl", CURVE_NAMES)
    panels = []
    for number, (measure, label) in enumerate(MEASURES.items()):
        spread = over_seeds(rows.dropna(subset=[measure]), ["name", "layer", "percent"], measure)
        y = value_axis("mean", label, span_of(spread[["mean", "low", "high"]].stack()))
        for depth in depths:
            layers = lines(spread[spread.layer == depth], styles, x, y, point=16)
            marked = rules(marks, x, reach, labelled=number == 0 or len(depths) == 1)
            title = DEPTH_NAMES[depth]
            panels.append(layered([*marked, *layers], width=240, height=170, title=title))
    return grid(panels, columns=3, panel=280, legend=(5, 230), params=[picked_in()], styles=styles)
