"""The two web pages: Prefect's server and MLflow's, on this machine alone."""

import subprocess
import sys
import time

from rich.console import Console

from rtl_core.errors import RtlError
from tasks.tracking import ARTIFACTS, tracking_uri

HOST = "127.0.0.1"


def serve_pages(prefect_port: int, mlflow_port: int) -> None:
    """Start both servers, print their addresses, and stop both on Ctrl-C.

    Raises:
        RtlError: one of them ended by itself, a port being taken, say.
    """
    commands = {
        "Prefect": ["prefect", "server", "start", "--host", HOST, "--port", str(prefect_port)],
        "MLflow": [
            "mlflow", "server", "--host", HOST, "--port", str(mlflow_port), "--workers", "1",
            "--backend-store-uri", tracking_uri(), "--default-artifact-root", str(ARTIFACTS),
        ],
    }  # fmt: skip
    servers = {
        name: subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL)
        for name, command in commands.items()
    }
    console = Console()
    console.print(f"Prefect  http://{HOST}:{prefect_port}   runs, schedules, artifacts")
    console.print(f"MLflow   http://{HOST}:{mlflow_port}   metrics against sparsity")
    console.print("Ctrl-C stops both.")
    try:
        while all(server.poll() is None for server in servers.values()):
            time.sleep(0.5)
        ended = next(name for name, server in servers.items() if server.poll() is not None)
        raise RtlError(f"the server of {ended} stopped; is its port taken? (--help tells how to choose others)")
    except KeyboardInterrupt:
        console.print("stopped")
    finally:
        for server in servers.values():
            server.terminate()
        for server in servers.values():
            server.wait()
