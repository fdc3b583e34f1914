"""Runs that a killed process left open in MLflow, and their end."""

from typing import TYPE_CHECKING

from tasks.artefacts.under_way import abandoned, forget

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def close_abandoned(client: "MlflowClient") -> None:
    """Mark as FAILED the runs there that a process of this project left ``RUNNING`` and which surely is no more."""
    from mlflow.exceptions import MlflowException

    for run_id in abandoned("mlflow", client.tracking_uri):
        try:
            if client.get_run(run_id).info.status == "RUNNING":
                client.set_terminated(run_id, "FAILED")
        except MlflowException as refused:
            if refused.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
        forget("mlflow", run_id)
