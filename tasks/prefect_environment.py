"""How Prefect is set up in this project. It must be imported before Prefect, which reads its settings once.

Each setting is a default: what the user's environment already says wins.
"""

import logging
import os
from pathlib import Path

from tasks.artefacts import paths
from tasks.process.loopback import bypass_proxies

STATE = paths.STATE.absolute()

RECORDS_BLOCK = "rtl-records"
"""Name of Prefect's block of the records, where the store is a URL."""


def records_settings() -> dict[str, str]:
    """Where Prefect keeps the records of steps: beside the objects that they name."""
    store = paths.shared_store()
    if "://" in store:
        return {"PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK": f"remote-file-system/{RECORDS_BLOCK}"}
    return {
        "PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(Path(store).absolute() / "records" if store else STATE / "records")
    }


DEFAULTS = {
    "PREFECT_HOME": str(STATE / "prefect"),
    **records_settings(),
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # The slots of runs that were killed come free a minute later, even if the server was restarted meanwhile.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    "PREFECT_SERVER_CONCURRENCY_MAXIMUM_CONCURRENCY_SLOT_WAIT_SECONDS": "1",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # One database transaction per state change falls far behind short task runs, and what has not been
    # written when the server stops is lost.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
    # The logs of runs go to the UI; the terminal belongs to the flows.
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}

for name, value in DEFAULTS.items():
    os.environ.setdefault(name, value)

bypass_proxies()

# A log that the server refuses is no news for the terminal; Python would print it there.
logging.raiseExceptions = False

if paths.PARAMS.is_file():  # nothing is left in a folder that is no project
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
