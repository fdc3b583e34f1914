"""Flow runs that a killed process left open in Prefect, and their end."""

import os
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Crashed

from tasks.artefacts.under_way import abandoned, forget
from tasks.server.temporary_server import temporary_urls

MESSAGE = "The process ended before the run did."


def recorded_in() -> str:
    """Where runs are recorded now: on the user's own server or, of a temporary one, in Prefect's folder."""
    url = str(get_current_settings().api.url)
    return os.environ["PREFECT_HOME"] if url in temporary_urls else url


def close_abandoned() -> None:
    """Mark as crashed, with their steps, the runs that a process of this project left open and which surely is no more.

    Raises:
        HTTPError: the server does not answer.
    """
    if not (left := abandoned(recorded_in())):
        return
    with get_client(sync_client=True) as client:
        for name in left:
            _close(client, UUID(name))
            forget(name)


def _close(client: SyncPrefectClient, run_id: UUID) -> None:
    try:
        run = client.read_flow_run(run_id)
    except ObjectNotFound:
        return
    of_run = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
    for step in client.read_task_runs(flow_run_filter=of_run):
        if step.state is not None and not step.state.is_final():
            client.set_task_run_state(step.id, Crashed(message=MESSAGE), force=True)
    if run.state is not None and not run.state.is_final():
        client.set_flow_run_state(run_id, Crashed(message=MESSAGE), force=True)
