"""What a person sees first of a comparison in MLflow: its runs as a table, and pages with methods side by side."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from rtl_core.methods import METHODS
from tasks.tracking.client import database_file, open_client, tracking_uri

OURS = {"mlflow.experimentKind": "custom_model_development"}
"""Tags of an experiment that training fills: MLflow's pages otherwise open on those of another product."""
VIEW = "rtl"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
PLAIN = "workflowType=machine_learning"
"""In an address of MLflow's pages: the product whose pages open."""
COMPARISON_TAG = "rtl.comparison_run"
"""Tag of the runs below a comparison: the id of its own."""


def view_tags(parent: str, metric: str, higher_is_better: bool) -> dict[str, str]:
    """Tags of an experiment that make its runs a table: of the newest comparison every method at every sparsity, the
    best first, with method, sparsity, score, weights and time, as a view that an address can name.

    Args:
        parent: id of the run of the comparison.
        metric: the one that it is told by, under MLflow's name for it.
        higher_is_better: how that is read.
    """
    shown = ["params.`method`", "params.`sparsity`", f"metrics.`{metric}`", "metrics.`parameters/union`"]
    view = {
        "searchFilter": f"tags.`{COMPARISON_TAG}` = '{parent}' and params.sparsity != ''",
        "orderByKey": f"metrics.`{metric}`",
        "orderByAsc": not higher_is_better,
        "selectedColumns": [*shown, "attributes.`Duration`"],
        "columnOrder": [*shown, "attributes.`Duration`"],
        "columnWidths": {shown[0]: 120, shown[1]: 80, shown[2]: 120, shown[3]: 130},
        "runsHiddenMode": "SHOWALL",
    }
    return {**OURS, VIEW_TAG: json.dumps(view)}


def runs_page(server: str, experiment: str) -> str:
    """The address of that table."""
    return f"{server}/#/experiments/{experiment}/runs?{PLAIN}&viewStateShareKey={VIEW}"


def experiments_page(server: str) -> str:
    """The address of the list of experiments."""
    return f"{server}/#/experiments?{PLAIN}"


def compared_in() -> dict[str, str]:
    """Ids of the experiments that have a table of runs, by the problem that they are of; none where nothing ran yet."""
    if (file := database_file(tracking_uri())) and not file.is_file():
        return {}
    found = open_client().search_experiments(order_by=["name"])
    return {one.name: one.experiment_id for one in found if VIEW_TAG in one.tags}


def run_page(server: str, experiment: str, run_id: str, part: str = "") -> str:
    """The address of one run or, of ``artifacts/report.html``, of a file that it carries."""
    return f"{server}/#/experiments/{experiment}/runs/{run_id}{'/' * bool(part)}{part}?{PLAIN}"


def colour_tags(method: str) -> dict[str, str]:
    """The tag by which MLflow's charts draw a method in the colour that it has in every figure."""
    return {"mlflow.runColor": METHODS[method].colour} if method in METHODS else {}


def comparison_links(
    experiment: str, parent: str, metrics: Sequence[str], of_methods: Sequence[str], of_levels: Sequence[str]
) -> str:
    """Markdown for the description of a run: charts of all metrics in the methods' colours, each metric against
    sparsity and parallel coordinates, one click away.
    """
    methods = quote(f"tags.`mlflow.parentRunId` = '{parent}'")
    order = quote("params.`method`")  # by date, MLflow would fold them below their parent
    charts = f"#/experiments/{experiment}/runs?searchFilter={methods}&orderByKey={order}&compareRunsMode=CHART&{PLAIN}"
    curves = [
        f"[`{name}`](#/metric?{_query(runs=of_methods, experiments=[experiment], metric=name, plot_metric_keys=[name])}"
        f"&x_axis=step&show_point=true&{PLAIN})"
        for name in metrics
    ]
    levels = f"#/compare-runs?{_query(runs=of_levels, experiments=[experiment])}&{PLAIN}"
    # MLflow cuts what is longer than a description may be: what comes once stands first. Its page shows few lines, and
    # a shade over the last of a longer text takes the clicks on its links: all stand in one paragraph.
    return f"Methods in [charts]({charts}), in [parallel coordinates]({levels}); against sparsity: {', '.join(curves)}"


def _query(**values: Any) -> str:
    """What follows the question mark in an address of MLflow's pages: names and JSON."""
    return "&".join(f"{name}={quote(json.dumps(value, separators=(',', ':')), ',')}" for name, value in values.items())
