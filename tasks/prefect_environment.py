"""How Prefect is set up in this project. It must be imported before Prefect, which reads its settings once.

Each setting is a default: what the user's environment already says wins.
"""

import os
from pathlib import Path

STATE = Path(".rtl").absolute()

DEFAULTS = {
    "PREFECT_HOME": str(STATE / "prefect"),
    "PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(STATE / "records"),
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
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

Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
