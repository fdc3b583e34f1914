"""What of a pipeline run goes to MLflow: settings, scores, parameter counts, similarity and figures."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd

from tasks.artefacts import paths
from tasks.artefacts.paths import JobName
from tasks.tables.directions import higher_is_better
from tasks.tables.names import MEAN, method_name
from tasks.tables.published import doubt_lines
from tasks.tables.selection import headline
from tasks.tracking.client import log_values, new_run, open_client, open_experiment
from tasks.tracking.datasets import dataset_of
from tasks.tracking.first_view import COMPARISON_TAG, colour_tags, comparison_links, view_tags
from tasks.tracking.method_files import write_method_files
from tasks.tracking.metrics import (
    alarm_tags,
    cost_metrics,
    direction_tags,
    headline_metric,
    margin_metrics,
    metric_table,
    overall_metrics,
)

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput
    from mlflow.tracking import MlflowClient

IDENTITY_TAG = "rtl.comparison"
TAG_LENGTH = 5000
"""Characters that MLflow takes in a tag (8000 in later releases)."""


def track(
    problem: str,
    tables: Mapping[str, pd.DataFrame],
    times: pd.DataFrame,
    settings: dict[str, str],
    data_digest: str,
    figures: Path,
    tags: dict[str, str],
    verdict: str,
) -> str:
    """Log one comparison to the experiment of its problem; the id of the parent run.

    The parent holds settings, tags (doubts among them), figures and the data; a child per method holds its metrics,
    with the sparsity in percent as their step, its tables and its pictures; below it, a run per level compared has the
    sparsity as a parameter: MLflow's parallel coordinates know one value of a metric a run. These last as long as their
    training did. The parent's description has the verdict and links to its methods side by side. The database is
    ``mlflow.db`` in the current folder, unless MLFLOW_TRACKING_URI names another place.

    Args:
        problem: name of the experiment.
        tables: results, scoring, parameters, similarity and knees, as published; similarity goes to the children of
            RTL, whose masks it is of, one step a round, the alarm and the metrics of which lower is better to the
            parent's tags; margins, exhibits and what method runs carry besides where there are any.
        times: what training took (``read_training_times``).
        settings: the problem's section of params.yaml under dotted names (``flat_settings``).
        data_digest: SHA-256 of the partitioned data, in hex.
        figures: folder of pictures and sounds to show beside the numbers.
        tags: what else identifies the run, such as its git commit.
        verdict: who is ahead, in a sentence.

    Raises:
        MlflowException: the tracking server refused something. Runs that were open are marked FAILED.
    """
    metrics = _metrics(tables, times)
    results = tables["results"]
    tags = tags | {f"doubt.{number}": line[:TAG_LENGTH] for number, line in enumerate(doubt_lines(tables), 1)}
    client = open_client()
    experiment = open_experiment(client, problem)
    tags = {**tags, **alarm_tags(tables["knees"]), **direction_tags(tables["scoring"]), "data_sha256": data_digest}
    subsets = [str(name) for name in results.subset.unique() if name != MEAN]
    data = [dataset_of(problem, paths.data(JobName(problem)), data_digest, subsets)]
    with new_run(client, experiment, problem, tags) as parent:
        log_values(client, parent, settings)
        client.log_inputs(parent, data)
        client.log_artifacts(parent, str(figures), "figures")
        log_method = partial(_log_method, client, experiment, parent, tables=tables, data=data, figures=figures)
        of_methods, of_levels = [], []
        for method, rows in metrics.groupby("method", sort=False):
            params, lasted = {"method": str(method), **settings}, _seconds(times, str(method))
            run, runs = log_method(str(method), rows, params, lasted)
            of_methods.append(run)
            of_levels += runs
        links = comparison_links(experiment, parent, overall_metrics(results), of_methods, of_levels)
        client.set_tag(parent, "mlflow.note.content", f"{verdict} {links}".strip())
    higher = higher_is_better(tables["scoring"], headline(results)[1])
    for key, value in view_tags(parent, headline_metric(results), higher).items():
        client.set_experiment_tag(experiment, key, value)
    return parent


def _log_method(
    client: "MlflowClient",
    experiment: str,
    parent: str,
    method: str,
    rows: pd.DataFrame,
    params: dict[str, str],
    lasted: Mapping[float, float],
    *,
    tables: Mapping[str, pd.DataFrame],
    data: "list[DatasetInput]",
    figures: Path,
) -> tuple[str, list[str]]:
    """Log one method below a comparison; ids of its run and of the run of each level below it."""
    name, own = method_name(method), {COMPARISON_TAG: parent, **colour_tags(method)}
    longest = max(lasted.values(), default=0)
    with new_run(client, experiment, name, {"mlflow.parentRunId": parent, **own}, longest) as child:
        client.log_inputs(child, data)
        log_values(client, child, params, rows)
        with TemporaryDirectory() as folder:
            write_method_files(Path(folder), method, tables, figures)
            client.log_artifacts(child, folder)
    of_levels = []
    for sparsity, level in rows[rows.whole & rows.sparsity.isin(tables["results"].sparsity)].groupby("sparsity"):
        called, tied = f"{name} {100 * float(sparsity):g} %", {"mlflow.parentRunId": child, **own}
        with new_run(client, experiment, called, tied, lasted.get(float(sparsity), 0)) as run:
            log_values(client, run, {"sparsity": f"{sparsity:g}", **params}, level)
        of_levels.append(run)
    return child, of_levels


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


def _metrics(tables: Mapping[str, pd.DataFrame], times: pd.DataFrame) -> pd.DataFrame:
    parts = [
        metric_table(tables["results"], tables["parameters"], tables["similarity"]),
        cost_metrics(tables["parameters"], times),
    ]
    if "margins" in tables:
        parts.append(margin_metrics(tables["margins"]))
    return pd.concat([part for part in parts if len(part)])


def _seconds(times: pd.DataFrame, method: str) -> dict[float, float]:
    """What training of a method took up to each sparsity, all seeds and instances together."""
    spent = times[times.method == method].groupby("sparsity").seconds.sum()
    return {float(sparsity): float(seconds) for sparsity, seconds in spent.items()}
