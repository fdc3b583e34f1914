"""The step that turns all scores of a problem into tables."""

from typing import Any

from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import cached_task
from tasks.tables.scores import metrics_tree, parameters_table, results_table, scoring_table, summary_table, to_csv

Rows = list[dict[str, Any]]


@cached_task(name="tables of {problem}")
def tabulate(problem: str, scores: Rows, parameters: Rows) -> dict[str, Reference]:
    """References of the tables of scores and parameters, by file name.

    Raises:
        DataError: methods disagree on how a metric is read.
    """
    results, ledger = results_table(problem, scores), parameters_table(parameters)
    summary = summary_table(results)
    scoring = scoring_table(scores)
    tables = {"results.csv": results, "parameters.csv": ledger, "summary.csv": summary, "scoring.csv": scoring}
    files = {name: to_csv(table) for name, table in tables.items()}
    files["metrics.json"] = metrics_tree(summary, ledger).encode()
    return {name: {"sha256": STORE.put(content)} for name, content in files.items()}
