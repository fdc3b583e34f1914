"""The tables of a comparison, from the rows that its steps returned."""

import json
from typing import Any

import pandas as pd

from rtl_core.intervals import bootstrap_interval

KEYS = ["method", "sparsity", "protocol", "metric"]


def results_table(problem: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """results.csv, tidy: one value per method, seed, sparsity, protocol, metric and subset."""
    columns = ["problem", "method", "seed", "sparsity", "protocol", "metric", "subset", "value"]
    return pd.DataFrame([{"problem": problem, **row} for row in rows], columns=columns)


def parameters_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """parameters.csv: weights and bytes per method, seed and sparsity."""
    columns = ["method", "seed", "sparsity", "prunable", "union", "active_mean", "dense", "file_bytes"]
    return pd.DataFrame(rows, columns=columns)


def summary_table(results: pd.DataFrame) -> pd.DataFrame:
    """summary.csv: the mean of each metric over subsets and seeds, with a 95 % bootstrap interval over seeds."""
    rows = []
    for key, group in results[results.subset == "mean"].groupby(KEYS, sort=False):
        low, high = bootstrap_interval(group.value.tolist())
        mean = group.value.mean()
        rows.append(dict(zip(KEYS, key, strict=True)) | {"mean": mean, "low": low, "high": high, "seeds": len(group)})
    return pd.DataFrame(rows)


def metrics_tree(summary: pd.DataFrame, parameters: pd.DataFrame) -> str:
    """metrics.json for ``dvc metrics``: method → sparsity in percent → protocol → metric, and parameters."""
    tree: dict[str, Any] = {}
    for row in summary.itertuples():
        level = tree.setdefault(row.method, {}).setdefault(f"{100 * row.sparsity:g}", {})
        level.setdefault(row.protocol, {})[row.metric] = row.mean
    for (method, sparsity), group in parameters.groupby(["method", "sparsity"], sort=False):
        tree[method][f"{100 * sparsity:g}"]["parameters"] = group["union"].mean()
    return json.dumps(tree, indent=2) + "\n"


def to_csv(table: pd.DataFrame) -> bytes:
    """A table as it is published."""
    return table.to_csv(index=False, lineterminator="\n").encode()
