"""The step that turns all scores of a problem into tables and pictures."""

from typing import Any

import pandas as pd

from tasks.caching import cached_task
from tasks.figures import metric_curves, parameter_bars
from tasks.store import STORE
from tasks.tables import (
    metrics_tree,
    parameters_table,
    results_table,
    similarity_table,
    summary_table,
)

Rows = list[dict[str, Any]]


@cached_task(
    name="tables and figures of {problem}",
    uses=("rtl_core.intervals", "tasks.tables", "tasks.figures"),
    version="1",
)
def tabulate(problem: str, scores: Rows, parameters: Rows, similarity: Rows) -> dict[str, dict[str, str]]:
    """References of the files that the compare stage publishes, by path below ``artifacts/<problem>``."""
    results, ledger = results_table(problem, scores), parameters_table(parameters)
    summary = summary_table(results)
    tables = {
        "results.csv": results,
        "parameters.csv": ledger,
        "similarity.csv": similarity_table(similarity),
        "summary.csv": summary,
    }
    files = {name: _csv(table) for name, table in tables.items()}
    files["metrics.json"] = metrics_tree(summary, ledger).encode()
    files["figures/metrics.png"] = metric_curves(summary)
    files["figures/parameters.png"] = parameter_bars(ledger)
    return {name: {"sha256": STORE.put(content)} for name, content in files.items()}


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()
