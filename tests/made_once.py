"""What takes seconds to make and is the same in every project."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import chdir
from functools import cache
from pathlib import Path

from tasks.artefacts import paths
from tasks.tracking.client import DATABASE, open_client


@cache
def prefect_tables() -> Path:
    """A folder with Prefect's database as `make` leaves it on a new machine."""
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


@cache
def page_scripts() -> Path:
    """The folder of what pages draw with."""
    from tasks.report.vega import vega_script  # and with it what draws figures

    folder = Path(tempfile.mkdtemp(prefix="scripts-"))
    atexit.register(shutil.rmtree, folder)
    with chdir(folder):
        vega_script()
    return folder / paths.STATE / "scripts"
