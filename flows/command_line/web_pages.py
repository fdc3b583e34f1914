"""The two web pages: Prefect's server and MLflow's, on this machine alone."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from rtl_core.errors import RtlError
from tasks.process.prefect_database import refusal_of_database
from tasks.tracking.client import tracking_uri
from tasks.tracking.first_view import compared_in, experiments_page, runs_page
from tasks.tracking.moved import ARTIFACTS
from tasks.tracking.reachable import require_tracking

HOST = "127.0.0.1"


def serve_pages(prefect_port: int, mlflow_port: int) -> None:
    """Start both servers, print their addresses, and stop both on Ctrl-C.

    Raises:
        RtlError: a database cannot be used, or one of them ended by itself, a port being taken, say.
    """
    home = Path(os.environ["PREFECT_HOME"])
    if refused := refusal_of_database(home):
        raise RtlError(refused)
    require_tracking()
    commands = {
        "Prefect": ["prefect", "server", "start", "--host", HOST, "--port", str(prefect_port)],
        "MLflow": [
            "mlflow", "server", "--host", HOST, "--port", str(mlflow_port), "--workers", "1",
            "--backend-store-uri", tracking_uri(), "--default-artifact-root", str(ARTIFACTS),
        ],
    }  # fmt: skip
    settings = {
        # Prefect's page looks for its server on port 4200, or where PREFECT_API_URL points, unless told otherwise.
        "PREFECT_SERVER_UI_API_URL": f"http://{HOST}:{prefect_port}/api",
        # MLflow's job queue is eight more processes, of no use to pages that show runs.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    for number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal, say, unless under nohup
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    home.mkdir(parents=True, exist_ok=True)
    logs = {name: home / f"page-of-{name.lower()}.log" for name in commands}
    servers: dict[str, subprocess.Popen[bytes]] = {}
    console = Console()
    try:
        for name, command in commands.items():
            servers[name] = _started(command, settings, logs[name])
        console.print(f"Prefect  http://{HOST}:{prefect_port}   runs, schedules, artifacts")
        mlflow = f"http://{HOST}:{mlflow_port}"
        console.print(f"MLflow   {experiments_page(mlflow)}   metrics against sparsity", soft_wrap=True)
        for problem, experiment in compared_in().items():
            console.print(f"         {runs_page(mlflow, experiment)}   {problem}", soft_wrap=True, highlight=False)
        console.print("Ctrl-C stops both.")
        while all(server.poll() is None for server in servers.values()):
            time.sleep(0.5)
        ended = next(name for name, server in servers.items() if server.poll() is not None)
        raise RtlError(
            f"the server of {ended} stopped; is its port taken? (--help tells how to choose others; see {logs[ended]})"
        )
    except KeyboardInterrupt:
        console.print("stopped")
    finally:
        for server in servers.values():
            _signal(server, signal.SIGTERM)
        for server in servers.values():
            with suppress(subprocess.TimeoutExpired):
                server.wait(timeout=15)
            _signal(server, signal.SIGKILL)
            server.wait()


def _started(command: list[str], settings: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """A server in a session of its own: Ctrl-C in a terminal reaches this process alone, which then ends all."""
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**settings, **os.environ},
        )


def _signal(server: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(server.pid, number)
