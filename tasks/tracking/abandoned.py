"""Runs that a killed process left open in MLflow, and their end."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.artefacts.under_way import begun_here, is_abandoned

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PROCESS_TAG = "rtl.process"


def process_tag(client: "MlflowClient") -> dict[str, str]:
    """Which process a run is of, for as long as it runs; it is created with this, so that none is without."""
    return {PROCESS_TAG: begun_here(client.tracking_uri)}


def close_abandoned(client: "MlflowClient") -> None:
    """Mark as FAILED the runs there that a process of this project left ``RUNNING`` and which surely is no more."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    here = re.sub(r"[^A-Za-z0-9/.-]+", "%", str(Path.cwd()))  # as JSON and as a pattern some characters differ
    ours = f"attributes.status = 'RUNNING' and tags.`{PROCESS_TAG}` LIKE '%{here}%'"
    for run in client.search_runs(experiments, ours):
        if is_abandoned(run.data.tags.get(PROCESS_TAG, ""), client.tracking_uri):
            client.set_terminated(run.info.run_id, "FAILED")
