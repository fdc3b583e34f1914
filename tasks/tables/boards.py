"""Who leads under every protocol and metric, on every subset and at every sparsity: all ``standings`` at once."""

from collections.abc import Mapping

import pandas as pd

from rtl_core.intervals import FEW, spread
from tasks.tables.names import MEAN
from tasks.tables.standings import LEAST, standings, values_at
from tasks.tables.verdict import contenders

PLACE = ["protocol", "metric", "subset", "sparsity"]


def boards(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """protocol, metric, subset, sparsity, method, mean, low, high, and whether it leads (``standings``), best first.

    Controls lead nowhere. Of a run over several instances, whose subsets differ, there is the mean over subsets alone.

    Args:
        tables: results, scoring and parameters, as published.
    """
    if "instance" in tables["results"]:
        return _of_instances(tables)
    results = tables["results"].dropna(subset="value")
    rows = results.groupby([*PLACE, "method"], sort=False).value.agg(["mean", "min", "max", "size"]).reset_index()
    seeds = rows.groupby(PLACE, sort=False)["size"].transform("max")
    rows = rows[rows["size"] == seeds].rename(columns={"min": "low", "max": "high"})
    rows.loc[rows["size"] < 2, ["low", "high"]] = float("nan")
    if rows["size"].max() >= FEW:
        own = results.groupby([*PLACE, "method"], sort=False).value.agg(lambda values: spread(values.tolist()))
        rows[["low", "high"]] = own.loc[pd.MultiIndex.from_frame(rows[[*PLACE, "method"]])].tolist()
    signs = tables["scoring"].drop_duplicates("metric").set_index("metric").higher_is_better.map({True: 1, False: -1})
    sign = rows.metric.map(signs).astype(float)
    rows = rows.assign(order=-sign * rows["mean"], near=(sign * rows[["low", "high"]].T).T.min(axis=1, skipna=False))
    rows = rows.assign(far=(sign * rows[["low", "high"]].T).T.max(axis=1, skipna=False))
    rows = rows.sort_values("order", kind="stable")
    compared = rows[rows.method.isin(contenders(tables["results"]))]
    nearest = compared.groupby(PLACE, sort=False).near.transform("first")
    told = (nearest > compared.far) & (compared["size"] >= LEAST["seeds"])
    rows = rows.assign(leads=(~told).reindex(rows.index, fill_value=False))
    return rows.drop(columns=["order", "near", "far", "size"]).reset_index(drop=True)


def _of_instances(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    results = tables["results"]
    means = results[results.subset == MEAN].dropna(subset="value")
    compared = contenders(results)
    rows = []
    for (protocol, metric, sparsity), group in means.groupby(["protocol", "metric", "sparsity"], sort=False):
        place = {"protocol": protocol, "metric": metric, "subset": MEAN, "sparsity": sparsity}
        scored = values_at(results, float(sparsity), (str(protocol), str(metric)))
        for among in (compared, [method for method in group.method.unique() if method not in compared]):
            if set(among) & set(scored):
                found = standings(tables, float(sparsity), (str(protocol), str(metric)), among=among)
                rows += [
                    place
                    | {"method": row.method, "mean": row.mean, "low": row.low, "high": row.high}
                    | {"leads": row.leads and row.method in compared}
                    for row in found
                ]
    return pd.DataFrame(rows)
