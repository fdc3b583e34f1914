"""What of a pipeline run goes to MLflow: settings, scores, parameter counts, similarity and figures."""

import gc
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd
from filelock import FileLock

from rtl_core.distinct_names import METRICS, distinct_names
from tasks.interruption import if_ended_early
from tasks.published_tables import doubt_lines

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

SQLITE = "sqlite:///"
DATABASE = Path("mlflow.db")
ARTIFACTS = Path("mlartifacts")
IDENTITY_TAG = "rtl.comparison"
COUNTS = ["union", "active_mean", "dense", "file_bytes"]
# What MLflow takes in one call of log_batch, in one dataset digest, and in a tag (8000 characters in later releases).
METRICS_PER_CALL, PARAMS_PER_CALL, DIGEST_LENGTH, TAG_LENGTH = 1000, 100, 36, 5000


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
    with _run(client, experiment, problem, tags) as parent:
        _log_params(client, parent, settings)
        _log_dataset(client, parent, problem, data_digest)
        client.log_artifacts(parent, str(figures), "figures")
        of_methods, of_levels = [], []
        for method, rows in metrics.groupby("method", sort=False):
            params = {"method": str(method), **settings}
            with _run(client, experiment, str(method), {"mlflow.parentRunId": parent}) as child:
                _log_params(client, child, params)
                _log_dataset(client, child, problem, data_digest)
                _log_metrics(client, child, rows)
            of_methods.append(child)
            for sparsity, level in rows[rows.sparsity.isin(tables["results"].sparsity)].groupby("sparsity"):
                name = f"{method} {100 * float(sparsity):g} %"
                with _run(client, experiment, name, {"mlflow.parentRunId": child}) as run:
                    _log_params(client, run, {"sparsity": f"{sparsity:g}", **params})
                    _log_dataset(client, run, problem, data_digest)
                    _log_metrics(client, run, level)
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


def overall_metrics(results: pd.DataFrame) -> list[str]:
    """Names of the means over subsets, as ``metric_table`` has them, that are defined somewhere."""
    means = results.assign(name=_metric_names(results))[(results.subset == "mean") & results.value.notna()]
    return list(means["name"].unique())


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


def run_page(run_id: str) -> str:
    """Where a browser finds a run: on the tracking server or, of a database, where ``rtl ui`` shows it if not told
    another port.
    """
    client = open_client()
    server = client.tracking_uri if client.tracking_uri.startswith("http") else "http://127.0.0.1:5000"
    return f"{server}/#/experiments/{client.get_run(run_id).info.experiment_id}/runs/{run_id}"


def tracking_uri() -> str:
    """Where runs are tracked: a database in the current folder, unless MLFLOW_TRACKING_URI says otherwise."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{DATABASE.resolve()}"


def open_client() -> "MlflowClient":
    """A client of the tracking server or database, whose tables are made where there are none."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    with _without_garbage_collection():
        from mlflow.tracking import MlflowClient

        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        logging.getLogger("mlflow.store.db").setLevel(logging.CRITICAL)  # what it refuses is raised as well
        # Two that open a new database at once would both create its tables, and one would fail.
        with FileLock(_folder() / f"{DATABASE}.lock"):
            return MlflowClient(tracking_uri=tracking_uri())


def open_experiment(client: "MlflowClient", problem: str) -> str:
    """The id of the experiment of a problem, which is created where there is none."""
    if found := client.get_experiment_by_name(problem):
        return str(found.experiment_id)
    # A server keeps artifacts where it was told to; a database knows of no place.
    is_server = client.tracking_uri.startswith("http")
    location = None if is_server else (_folder() / ARTIFACTS / problem).resolve().as_uri()
    return str(client.create_experiment(problem, artifact_location=location))


def metric_table(results: pd.DataFrame, parameters: pd.DataFrame, similarity: pd.DataFrame) -> pd.DataFrame:
    """What the children hold: method, name, sparsity, step (the same in whole percent), value averaged over instances
    and seeds.

    Means over subsets are named ``<protocol>.<metric>``, with the standard deviation over seeds beside them
    as ``<protocol>.<metric>_std`` where there are several; single subsets ``<protocol>.<metric>.<subset>``.
    Where there are instances, means and deviation are over these as well, each instance's mean is named
    ``<protocol>.<metric>.<instance>``, and subsets come after their instance. Undefined values are left out.
    """
    scores = results.assign(name=_metric_names(results))
    overall = scores[scores.subset == "mean"]
    if "instance" in scores:
        scores = scores.assign(name=scores.name + "." + _parts(scores.instance))
    of_instances = scores[scores.subset == "mean"] if "instance" in scores else scores[:0]
    single = scores[scores.subset != "mean"]
    single = single.assign(name=single.name + "." + _parts(single.subset))
    counts = parameters.melt(["method", "sparsity"], COUNTS, "name").assign(
        name=lambda table: "parameters." + table.name
    )
    of_rtl = results[["method"]].drop_duplicates().query("method.str.startswith('rtl')")
    of_masks = similarity[(similarity.layer == "all") & (similarity.masks == "rtl")].merge(of_rtl, how="cross")
    overlap = of_masks.melt(["method", "sparsity"], ["jaccard", "excess"], "name").assign(
        name=lambda table: "similarity." + table.name
    )
    keys = ["method", "name", "sparsity"]
    means = pd.concat([overall, of_instances, single, counts, overlap]).groupby(keys, sort=False).value.mean()
    spread = overall.assign(name=overall.name + "_std").groupby(keys, sort=False).value.std()
    table: pd.DataFrame = pd.concat([means, spread]).dropna().reset_index()
    table["step"] = _percent(table.sparsity)
    return table


def margin_metrics(margins: pd.DataFrame) -> pd.DataFrame:
    """How far each method is ahead of others, in the form of ``metric_table``: ``margin.<against>.<metric>``.

    Of the means over subsets under the first protocol; above zero, a method is ahead, also where lower is better.
    """
    first = margins.protocol.iloc[0] if len(margins) else ""
    rows = margins[(margins.subset == "mean") & (margins.protocol == first)]
    return pd.DataFrame(
        {
            "method": rows.method,
            "name": "margin." + rows.against + "." + _parts(rows.metric),
            "value": rows.difference,
            "sparsity": rows.sparsity,
            "step": _percent(rows.sparsity),
        }
    )


def alarm_tags(knees: pd.DataFrame) -> dict[str, str]:
    """Whether the alarm rang for the tickets of each seed, or each instance's of each seed, and where, in words."""
    rings = knees[(knees.curve == "alarm") & (knees.method == "rtl")]
    instances = _parts(rings.instance) + "." if "instance" in rings else [""] * len(rings)
    return {
        f"alarm.{instance}seed_{ring.seed}": (
            "none" if pd.isna(ring.sparsity) else f"{ring.side} from {100 * ring.sparsity:.3g} %"
        )
        for ring, instance in zip(rings.itertuples(), instances, strict=True)
    }


def direction_tags(scoring: pd.DataFrame) -> dict[str, str]:
    """The metrics of which lower is better; of all others, higher is."""
    lower = _metric_names(scoring)[~scoring.higher_is_better.astype(bool)]
    return {f"direction.{name}": "lower is better" for name in lower}


def flat_settings(settings: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Settings under dotted names, as in params.yaml: text as it is, all else as JSON."""
    flat: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= flat_settings(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, str) else json.dumps(value)
    return flat


def _folder() -> Path:
    """Where the database is, if it is a file, and what belongs to it; of any other, the current folder."""
    uri = tracking_uri()
    return Path(uri.removeprefix(SQLITE)).parent if uri.startswith(SQLITE) else Path()


def _metric_names(results: pd.DataFrame) -> pd.Series:
    return _parts(results.protocol) + "." + _parts(results.metric)


def _parts(names: pd.Series) -> pd.Series:
    """Names as parts of those of MLflow's metrics; a dot in one would make two parts of it."""
    return names.astype(str).map(distinct_names(names.astype(str), METRICS))


def _percent(sparsity: pd.Series) -> pd.Series:
    return (100 * sparsity).round().astype(int)


def _query(**values: Any) -> str:
    """What follows the question mark in an address of MLflow's pages: names and JSON."""
    return "&".join(f"{name}={quote(json.dumps(value, separators=(',', ':')), ',')}" for name, value in values.items())


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Importing MLflow makes millions of lasting objects: collecting in between costs a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _run(client: "MlflowClient", experiment: str, name: str, tags: dict[str, str]) -> Iterator[str]:
    run_id: str = client.create_run(experiment, tags=tags, run_name=name).info.run_id
    with if_ended_early(partial(client.set_terminated, run_id, "KILLED")):
        try:
            yield run_id
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id, "FINISHED")


def _log_params(client: "MlflowClient", run_id: str, params: dict[str, str]) -> None:
    from mlflow.entities import Param

    for part in _batches([Param(name, value) for name, value in params.items()], PARAMS_PER_CALL):
        client.log_batch(run_id, params=part)


def _log_metrics(client: "MlflowClient", run_id: str, rows: pd.DataFrame) -> None:
    from mlflow.entities import Metric

    now = int(1000 * time.time())
    values = zip(rows["name"], rows["value"], rows["step"], strict=True)
    metrics = [Metric(name, value, now, step) for name, value, step in values]
    for part in _batches(metrics, METRICS_PER_CALL):
        client.log_batch(run_id, metrics=part)


def _log_dataset(client: "MlflowClient", run_id: str, problem: str, digest: str) -> None:
    from mlflow.entities import Dataset, DatasetInput

    source = json.dumps({"uri": f"data/{problem}"})
    dataset = Dataset(problem, digest[:DIGEST_LENGTH], source_type="local", source=source)
    client.log_inputs(run_id, [DatasetInput(dataset)])


def _batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
