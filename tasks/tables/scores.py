"""The tables of a comparison, from the rows that its steps returned."""

import json
from statistics import fmean
from typing import Any

import pandas as pd

from rtl_core.errors import DataError
from rtl_core.intervals import spread, t_interval
from tasks.tables.names import MEAN

KEYS = ["method", "sparsity", "protocol", "metric"]


def results_table(problem: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """results.csv, tidy: one value per method, seed, sparsity, protocol, metric and subset, of each instance."""
    columns = ["problem", *_instance(rows), "method", "seed", "sparsity", "protocol", "metric", "subset", "value"]
    return pd.DataFrame([{**row, "problem": problem} for row in rows], columns=columns)


def parameters_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """parameters.csv: weights, bytes and cost of training (``rtl_core.cost``) per method, seed and sparsity, of each
    instance; ``presentations`` and ``multiply_adds`` are empty where they are not known.
    """
    columns = [
        *_instance(rows),
        "method",
        "seed",
        "sparsity",
        "prunable",
        "union",
        "active_mean",
        "dense",
        "file_bytes",
        "steps",
        "presentations",
        "multiply_adds",
    ]
    return pd.DataFrame(rows, columns=columns).astype({"presentations": "Int64", "multiply_adds": "Int64"})


def scoring_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """scoring.csv: how each metric is read: whether higher is better, and what chance gives, where that is known.

    A metric is read alike under every protocol. Chance is that of the mean over subsets, averaged over instances.

    Raises:
        DataError: rows of one metric disagree.
    """
    means = pd.DataFrame([row for row in rows if row["subset"] == MEAN])
    higher = {metric: _agreed(group, "higher_is_better") for metric, group in means.groupby("metric")}
    rows_of_metrics = []
    for (protocol, metric), group in means.groupby(["protocol", "metric"], sort=False):
        parts = group.groupby(_instance(rows) or ["protocol"], sort=False)
        chances = [_agreed(part, "chance") for _, part in parts]
        chance = None if None in chances else fmean(chances)
        rows_of_metrics.append((protocol, metric, higher[metric], chance))
    return pd.DataFrame(rows_of_metrics, columns=["protocol", "metric", "higher_is_better", "chance"])


def summary_table(results: pd.DataFrame) -> pd.DataFrame:
    """summary.csv: the mean of each metric over subsets and seeds, from ``low`` to ``high`` (``spread``), and from
    ``t_low`` to ``t_high`` with 95 % confidence by Student's t.

    Where there are several instances, all are over the values of any instance and seed.
    """
    counted = {"seeds": "seed"} | ({"instances": "instance"} if "instance" in results else {})
    rows = []
    for key, group in results[results.subset == MEAN].groupby(KEYS, sort=False):
        values = group.value.tolist()
        reach = dict(zip(["low", "high", "t_low", "t_high"], [*spread(values), *t_interval(values)], strict=True))
        counts = {name: group[column].nunique() for name, column in counted.items()}
        rows.append(dict(zip(KEYS, key, strict=True)) | {"mean": group.value.mean()} | reach | counts)
    return pd.DataFrame(rows)


def metrics_tree(summary: pd.DataFrame, parameters: pd.DataFrame) -> str:
    """metrics.json: method → sparsity in percent → protocol → metric, and parameters."""
    tree: dict[str, Any] = {}
    for row in summary.itertuples():
        level = tree.setdefault(row.method, {}).setdefault(f"{100 * row.sparsity:g}", {})
        level.setdefault(row.protocol, {})[row.metric] = row.mean
    for (method, sparsity), group in parameters.groupby(["method", "sparsity"], sort=False):
        tree[method][f"{100 * sparsity:g}"]["parameters"] = group["union"].mean()
    return json.dumps(tree, indent=2) + "\n"


def to_csv(table: pd.DataFrame) -> bytes:
    """A table as it is published."""
    text: str = table.to_csv(index=False, lineterminator="\n")
    return text.encode()


def _agreed(rows: pd.DataFrame, column: str) -> Any:
    """What rows of one metric say in a column; None where none says anything."""
    stated = rows.dropna(subset=column)
    told = stated.loc[stated.round(9).drop_duplicates(column).index]
    if len(told) > 1:
        texts = " and ".join(f"{row[column]} of {row.method} ({row.protocol} protocol)" for _, row in told.iterrows())
        raise DataError(f"score(): {rows.metric.iloc[0]}: {column}: found {texts}; allowed: the same of every method")
    return None if told.empty else told[column].iloc[0]


def _instance(rows: list[dict[str, Any]]) -> list[str]:
    """The column of rows that are of several instances."""
    return ["instance"] if any("instance" in row for row in rows) else []
