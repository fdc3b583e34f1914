"""What of a pipeline run goes to MLflow: settings, scores, parameter counts, similarity and figures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd

from tasks.tables.published import doubt_lines
from tasks.tracking.client import log_values, new_run, open_client, open_experiment
from tasks.tracking.metrics import alarm_tags, direction_tags, margin_metrics, metric_table, overall_metrics

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

IDENTITY_TAG = "rtl.comparison"
DIGEST_LENGTH, TAG_LENGTH = 36, 5000
"""Characters that MLflow takes in the digest of a dataset, and in a tag (8000 in later releases)."""


def track(
    problem: str,
    tables: Mapping[str, pd.DataFrame],
    settings: dict[str, str],
    data_digest: str,
    figures: Path,
    tags: dict[str, str],
) -> str:
    """Log one comparison to the experiment of its problem; the id of the parent run.

    The parent holds settings, tags (doubts among them) and figures; a child per method holds its metrics, with the
    sparsity in percent as their step; below it, a run per level compared has the sparsity as a parameter: MLflow's
    parallel coordinates know one value of a metric a run. The parent's description links to its methods side
    by side. The database is ``mlflow.db`` in the current folder, unless MLFLOW_TRACKING_URI names another place.

    Args:
        problem: name of the experiment.
        tables: results, scoring, parameters, similarity and knees, as published; similarity goes to the children of
            RTL, whose masks it is of, one step a round, the alarm and the metrics of which lower is better to the
            parent's tags; margins where there are any.
        settings: the problem's section of params.yaml under dotted names (``flat_settings``).
        data_digest: SHA-256 of the partitioned data, in hex.
        figures: folder of pictures and sounds to show beside the numbers.
        tags: what else identifies the run, such as its git commit.

    Raises:
        MlflowException: the tracking server refused something. Runs that were open are marked FAILED.
    """
    metrics = metric_table(tables["results"], tables["parameters"], tables["similarity"])
    if "margins" in tables:
        metrics = pd.concat([metrics, margin_metrics(tables["margins"])])
    tags = tags | {f"doubt.{number}": line[:TAG_LENGTH] for number, line in enumerate(doubt_lines(tables), 1)}
    client = open_client()
    experiment = open_experiment(client, problem)
    tags = {**tags, **alarm_tags(tables["knees"]), **direction_tags(tables["scoring"]), "data_sha256": data_digest}
    with new_run(client, experiment, problem, tags) as parent:
        log_values(client, parent, settings)
        _log_dataset(client, parent, problem, data_digest)
        client.log_artifacts(parent, str(figures), "figures")
        of_methods, of_levels = [], []
        for method, rows in metrics.groupby("method", sort=False):
            params = {"method": str(method), **settings}
            with new_run(client, experiment, str(method), {"mlflow.parentRunId": parent}) as child:
                _log_dataset(client, child, problem, data_digest)
                log_values(client, child, params, rows)
            of_methods.append(child)
            for sparsity, level in rows[rows.sparsity.isin(tables["results"].sparsity)].groupby("sparsity"):
                name = f"{method} {100 * float(sparsity):g} %"
                with new_run(client, experiment, name, {"mlflow.parentRunId": child}) as run:
                    _log_dataset(client, run, problem, data_digest)
                    log_values(client, run, {"sparsity": f"{sparsity:g}", **params}, level)
                of_levels.append(run)
        links = comparison_links(experiment, overall_metrics(tables["results"]), of_methods, of_levels)
        client.set_tag(parent, "mlflow.note.content", links)
    return parent


def comparison_links(
    experiment: str, metrics: Sequence[str], of_methods: Sequence[str], of_levels: Sequence[str]
) -> str:
    """Markdown for the description of a run: each metric against sparsity and parallel coordinates, one click away."""
    curves = [
        f"[`{name}`](#/metric?{_query(runs=of_methods, experiments=[experiment], metric=name, plot_metric_keys=[name])}"
        "&x_axis=step&show_point=true)"
        for name in metrics
    ]
    levels = f"#/compare-runs?{_query(runs=of_levels, experiments=[experiment])}"
    # MLflow cuts what is longer than a description may be: what comes once stands first.
    return (
        f"Methods at every sparsity: [parallel coordinates]({levels})\n\nMethods against sparsity: {', '.join(curves)}"
    )


def log_report(run_id: str, pages: Sequence[Path], identity: str) -> None:
    """Put the pages of a comparison beside its figures: the run's, and below ``report`` those of instances.

    With them the comparison is logged to its end, and ``is_logged`` under its identity.
    """
    client, (run, *instances) = open_client(), pages
    client.log_artifact(run_id, str(run))
    for page in instances:
        client.log_artifact(run_id, str(page), "report")
    client.set_tag(run_id, IDENTITY_TAG, identity)


def is_logged(run_id: str, identity: str) -> bool:
    """Whether a run holds the comparison of this identity, with its pages, and was not deleted."""
    client = open_client()
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException:
        return False
    return run.info.lifecycle_stage == "active" and run.data.tags.get(IDENTITY_TAG) == identity


def _query(**values: Any) -> str:
    """What follows the question mark in an address of MLflow's pages: names and JSON."""
    return "&".join(f"{name}={quote(json.dumps(value, separators=(',', ':')), ',')}" for name, value in values.items())


def _log_dataset(client: "MlflowClient", run_id: str, problem: str, digest: str) -> None:
    from mlflow.entities import Dataset, DatasetInput

    source = json.dumps({"uri": f"data/{problem}"})
    dataset = Dataset(problem, digest[:DIGEST_LENGTH], source_type="local", source=source)
    client.log_inputs(run_id, [DatasetInput(dataset)])
