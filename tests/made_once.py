"""What takes seconds to make and is the same for all tests: made once a run, by the worker that first needs it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

from filelock import FileLock

from tasks.artefacts import paths
from tasks.tracking.client import DATABASE, open_client

SHARED = "TESTS_SHARED"
"""Where in the environment of all workers the folder stands."""
OWNER = "owner"
"""A file in it: the process whose folder it is."""


def begin() -> None:
    """Make the folder, in the process that starts the workers."""
    os.environ[SHARED] = tempfile.mkdtemp(prefix="tests-")
    Path(os.environ[SHARED], OWNER).write_text(str(os.getpid()))


def end() -> None:
    shutil.rmtree(os.environ[SHARED], ignore_errors=True)


def made(name: str, make: Callable[[Path], object]) -> Path:
    """A folder of the test run, which ``make`` fills for all workers."""
    folder = Path(os.environ[SHARED], name)
    with FileLock(f"{folder}.lock"):
        if not (complete := Path(f"{folder}.made")).exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one that failed
            folder.mkdir()
            make(folder)
            complete.touch()
    return folder


def prefect_tables() -> Path:
    """A folder with Prefect's database as `make` leaves it on a new machine."""
    from warm_start import warm  # which comes back here

    command = ["prefect", "server", "database", "upgrade", "--yes"]

    def make(folder: Path) -> None:
        environment = warm({**os.environ, "PREFECT_HOME": str(folder)})
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)

    return made("prefect-tables", make)


def mlflow_tables() -> Path:
    """MLflow's database with its tables and no run."""

    def make(folder: Path) -> None:
        with chdir(folder):
            open_client()

    return made("mlflow-tables", make) / DATABASE


def page_scripts() -> Path:
    """The folder of what pages draw with."""

    def make(folder: Path) -> None:
        from tasks.report.vega import vega_script  # and with it what draws figures

        with chdir(folder):
            vega_script()

    return made("page-scripts", make) / paths.STATE / "scripts"
