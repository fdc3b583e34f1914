"""Tables short enough to be read at a glance: a row a method, and as many columns as there are sparsities."""

from collections.abc import Mapping

import pandas as pd

from tasks.tables.directions import higher_is_better
from tasks.tables.names import MASKS_NAMES, level_text, method_name, metric_title, score_text
from tasks.tables.selection import headline, headline_means
from tasks.tables.standings import marked_in, shown_first, standings, values_at
from tasks.tables.verdict import contenders

Tables = Mapping[str, pd.DataFrame]
Titled = tuple[str, pd.DataFrame]


def leaderboard(tables: Tables) -> Titled:
    """Title and rows: methods at the sparsity that is shown first, the best first, with the weights that they keep."""
    level = shown_first(tables["results"])
    title = f"{_scored(tables)} at {level_text(level)} sparsity; ★ is the best, and what cannot be told from it"
    scored = values_at(tables["results"], level, headline(tables["results"]))
    among = contenders(tables["results"])
    rows = standings(tables, level, among=among) if {*among} & {*scored} else []
    best = marked_in(rows)
    return title, pd.DataFrame(
        {
            "method": f"{method_name(row.method)}{' ★' * (row.method in best)}",
            "score": score_text(row.mean, row.low, row.high),
            "weights kept": f"{row.kept:,.0f}",
            "× of IMP single": f"{row.of_single:.3f}" if row.of_single == row.of_single else "",
        }
        for row in rows
    )


def scores(tables: Tables) -> Titled:
    """Title and rows: the mean score of every method at every sparsity, three decimals."""
    means = headline_means(tables["results"])
    return f"{_scored(tables)}, means at every sparsity", _by_level(means, "value", "{:.3f}")


def weights(tables: Tables) -> Titled:
    """Title and rows: the prunable weights that every method keeps in all at every sparsity."""
    return "Prunable weights kept in all, at every sparsity", _by_level(tables["parameters"], "union", "{:,.0f}")


def similarity(tables: Tables) -> Titled:
    """Title and rows: excess similarity of masks over all layers at the sparsities compared, RTL's and controls'."""
    rows, levels = tables["similarity"], tables["results"].sparsity.unique()
    rows = rows[(rows.layer == "all") & rows.sparsity.isin(levels)].assign(method=lambda table: table.masks)
    table = _by_level(rows, "excess", "{:.3f}").rename(columns={"method": "masks"})
    return "How alike masks are, in excess of chance, at every sparsity", table


def _by_level(rows: pd.DataFrame, column: str, form: str) -> pd.DataFrame:
    """Means of a column: a row a method, in the order of the rows, and a column a sparsity."""
    means = rows.groupby(["method", "sparsity"], sort=False)[column].mean().unstack()
    means = means.loc[rows.method.unique(), sorted(means.columns)]
    table = means.map(lambda value: "" if value != value else form.format(value)).rename(columns=level_text)
    table.insert(0, "method", [MASKS_NAMES.get(name, method_name(name)) for name in means.index])
    return table


def _scored(tables: Tables) -> str:
    protocol, metric = headline(tables["results"])
    return f"{metric_title(metric, higher_is_better(tables['scoring'], metric))} under the {protocol} protocol"
