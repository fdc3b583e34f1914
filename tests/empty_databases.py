"""Databases as they are before a first run, made once: each takes seconds."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import chdir
from functools import cache
from pathlib import Path

from tasks.tracking.client import DATABASE, open_client


@cache
def prefect_tables() -> Path:
    """A folder with Prefect's database as `make` leaves it on a new machine, made once: it takes seconds."""
    folder = Path(tempfile.mkdtemp(prefix="prefect-tables-"))
    atexit.register(shutil.rmtree, folder)
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    environment = {**os.environ, "PREFECT_HOME": str(folder)}
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return folder


@cache
def mlflow_tables() -> Path:
    """MLflow's database with its tables and no run."""
    folder = Path(tempfile.mkdtemp(prefix="mlflow-tables-"))
    atexit.register(shutil.rmtree, folder)
    with chdir(folder):
        open_client()
    return folder / DATABASE
