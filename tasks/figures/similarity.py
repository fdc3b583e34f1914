"""The figure of similarity: RTL's masks against sparsity, above the floor that the controls give."""

import altair as alt
import numpy as np
import pandas as pd

from tasks.figures.axes import percent_of, picked_in, span_of, sparsity_axis, value_axis
from tasks.figures.lines import Tables, lines, marks_of, over_seeds, rules
from tasks.figures.styles import CHANCE_NAME, NAMED_STYLES, OTHER, grid
from tasks.tables.names import CURVE_NAMES, DEPTH_NAMES, MASKS_NAMES, MEASURES


def similarity(tables: Tables) -> alt.ConcatChart:
    """A row per measure of similarity, a column per depth: RTL's masks, and the controls as noise floor."""
    table = tables["similarity"]
    table = table.assign(name=table.masks.map(lambda masks: MASKS_NAMES.get(masks, masks)))
    nothing = {"excess": np.nan, "departure": np.nan}
    chance = table[table.masks == "rtl"].assign(name=CHANCE_NAME, jaccard=lambda rows: rows.chance, **nothing)
    rows = pd.concat([table, chance]).assign(percent=lambda rows: percent_of(rows.sparsity))
    styles = {name: NAMED_STYLES.get(name, OTHER) for name in rows.name.unique()}
    picked = picked_in()
    x, reach = sparsity_axis(rows.percent), span_of(rows.percent)
    marks = marks_of(tables, "rtl", CURVE_NAMES)
    depths = [depth for depth in DEPTH_NAMES if depth in set(rows.layer)]
    panels = []
    for number, (measure, label) in enumerate(MEASURES.items()):
        spread = over_seeds(rows.dropna(subset=[measure]), ["name", "layer", "percent"], measure)
        y = value_axis("mean", label, span_of(spread[["mean", "low", "high"]].stack()))
        for depth in depths:
            layers = lines(spread[spread.layer == depth], styles, picked, x, y, point=16)
            panel = alt.layer(*rules(marks, x, reach, labelled=number == 0), *layers)
            panels.append(panel.properties(width=200, height=170, title=DEPTH_NAMES[depth]))
    panels[0] = panels[0].add_params(picked)
    return grid(panels, columns=len(depths), panel=270, legend=(5, 230))
