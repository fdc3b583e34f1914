"""Where MLflow tracks runs, and how a run is begun, filled and ended."""

import gc
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from filelock import FileLock

from tasks.process.interruption import if_ended_early
from tasks.tracking.abandoned import process_tag
from tasks.tracking.moved import artifact_location, bring_along

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

SQLITE = "sqlite:///"
DATABASE = Path("mlflow.db")
METRICS_PER_CALL, PARAMS_PER_CALL = 900, 100
"""That MLflow takes in one call of log_batch, which may hold 1000 in all."""


def server_address() -> str:
    """Where a browser finds MLflow's pages: the tracking server or, of a database, where ``rtl ui`` shows it if not
    told another port.
    """
    uri = without_credentials(tracking_uri())
    return uri if uri.startswith("http") else "http://127.0.0.1:5000"


def without_credentials(uri: str) -> str:
    """A URI, whether or not it is a good one, without user, password and query."""
    return re.sub(r"//[^/]*@", "//", uri.partition("?")[0])


def database_file(uri: str) -> Path | None:
    """The file that a URI of SQLite names; None of any other."""
    return Path(uri.partition("?")[0].removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def tracking_uri() -> str:
    """Where runs are tracked: a database in the current folder, unless MLFLOW_TRACKING_URI says otherwise."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{DATABASE.resolve()}"


def open_client() -> "MlflowClient":
    """A client of the tracking server or database, whose tables are made where there are none, and whose files are
    those beside it where it is one itself.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # of seven, nobody answering, it takes four minutes
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    with _without_garbage_collection():
        from mlflow.tracking import MlflowClient

        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        logging.getLogger("mlflow.store.db").setLevel(logging.CRITICAL)  # what it refuses is raised as well
        # Two that open a new database at once would both create its tables, and one would fail.
        with FileLock(_folder() / f"{DATABASE}.lock"):
            client = MlflowClient(tracking_uri=tracking_uri())
            if file := database_file(client.tracking_uri):
                bring_along(file)
            return client


def open_experiment(client: "MlflowClient", problem: str) -> str:
    """The id of the experiment of a problem, which is created where there is none."""
    if experiment := client.get_experiment_by_name(problem):
        return str(experiment.experiment_id)
    # A server keeps artifacts where it was told to; a database knows of no place.
    is_server = client.tracking_uri.startswith("http")
    location = None if is_server else artifact_location(_folder(), problem)
    return str(client.create_experiment(problem, artifact_location=location))


def _folder() -> Path:
    """Where the database is, if it is a file, and what belongs to it; of any other, the current folder."""
    file = database_file(tracking_uri())
    return file.parent if file else Path()


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
def new_run(
    client: "MlflowClient", experiment: str, name: str, tags: dict[str, str], seconds: float = 0
) -> Iterator[str]:
    """A run for the length of a block, which ends FINISHED, FAILED or, with the process, KILLED; its id.

    It is said to have begun so many seconds ago: what it is of took that long.
    """
    tags = {**tags, **process_tag(client)}
    began = int(1000 * (time.time() - seconds))
    run_id: str = client.create_run(experiment, began, tags, name).info.run_id
    with if_ended_early(partial(client.set_terminated, run_id, "KILLED")):
        try:
            yield run_id
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id, "FINISHED")


def log_values(client: "MlflowClient", run_id: str, params: dict[str, str], rows: pd.DataFrame | None = None) -> None:
    """Log parameters and metrics, however many, in as few calls as will do.

    Args:
        client: of the tracking server.
        run_id: the run's.
        params: values by name.
        rows: a metric each, with name, value and step.
    """
    from mlflow.entities import Metric, Param

    now = int(1000 * time.time())
    values = () if rows is None else rows[["name", "value", "step"]].itertuples(index=False)
    metrics = _batches([Metric(name, value, now, step) for name, value, step in values], METRICS_PER_CALL)
    named = _batches([Param(name, value) for name, value in params.items()], PARAMS_PER_CALL)
    for some, others in zip_longest(metrics, named):
        client.log_batch(run_id, metrics=some or [], params=others or [])


def _batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
