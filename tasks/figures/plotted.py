"""The tables that DVC draws: some of those published, with what each line is called, which panel it is in, its look."""

from collections.abc import Callable, Mapping
from io import BytesIO

import pandas as pd

from tasks.artefacts.store import STORE, Reference
from tasks.figures.styles import MASKS_STYLES, METHOD_STYLES, OTHER, Style, ticket_styles
from tasks.tables.names import DEPTH_NAMES, MASKS_NAMES, MEAN, method_name, metric_name
from tasks.tables.published import read_csv
from tasks.tables.scores import to_csv


def plotted_tables(files: Mapping[str, Reference]) -> dict[str, Reference]:
    """References by file name, for the one template of DVC's: summary, similarity and collapse, each with the columns
    panel, name, order, colour, shape and dash.

    Args:
        files: references of the published tables by file name.
    """
    return {
        name: {"sha256": STORE.put(to_csv(drawn(read_csv(BytesIO(STORE.get(files[name]["sha256"]))))))}
        for name, drawn in PLOTTED.items()
    }


def _summary(rows: pd.DataFrame) -> pd.DataFrame:
    panel = rows.metric.map(metric_name) + " (" + rows.protocol + ")"
    return _looking(rows.assign(panel=panel), rows.method, METHOD_STYLES, method_name)


def _similarity(rows: pd.DataFrame) -> pd.DataFrame:
    panel = rows.layer.map(lambda layer: DEPTH_NAMES.get(layer, layer))
    return _looking(rows.assign(panel=panel), rows.masks, MASKS_STYLES, lambda masks: MASKS_NAMES.get(masks, masks))


def _collapse(rows: pd.DataFrame) -> pd.DataFrame:
    styles = ticket_styles([name for name in rows.subset.unique() if name != MEAN])
    return _looking(rows.assign(panel=rows.method.map(method_name)), rows.subset, {MEAN: OTHER, **styles}, str)


def _looking(
    rows: pd.DataFrame, whose: pd.Series, styles: Mapping[str, Style], named: Callable[[str], str]
) -> pd.DataFrame:
    """Rows with the name and the look of what they are of; what has none comes last and is black."""
    order = {name: place for place, name in enumerate(styles)}
    looks = whose.map(lambda name: styles.get(name, OTHER))
    return rows.assign(
        name=whose.map(named),
        order=whose.map(lambda name: order.get(name, len(order))),
        colour=looks.map(lambda look: look.colour),
        shape=looks.map(lambda look: look.shape),
        dash=looks.map(lambda look: " ".join(map(str, look.dash))),
    )


PLOTTED: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "summary.csv": _summary,
    "similarity.csv": _similarity,
    "collapse.csv": _collapse,
}
