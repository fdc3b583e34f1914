"""A Prefect server that lives only as long as this process, and when to start it: before the slow imports.

Prefect can start one by itself, but only after it has imported the whole server into this process too.
"""

import gc
import os
import socket
import subprocess
import sys
import threading
from http.client import HTTPConnection, HTTPException
from pathlib import Path

# What Prefect sets for the server that it starts itself, and what a server without visitors does not need.
ONLY_RECORDS = {
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT_UI_ENABLED": "0",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
}


class TemporaryServer:
    """Starts at once and does not wait: while it comes up, its socket already takes the first request."""

    def __init__(self) -> None:
        self.log = Path(os.environ["PREFECT_HOME"]) / "server.log"
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listening, self.log.open("wb") as log:
            port = listening.getsockname()[1]
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(listening.fileno())],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=(listening.fileno(),),
                start_new_session=True,
                env={**os.environ, **ONLY_RECORDS},
            )
        self.api_url = f"http://127.0.0.1:{port}/api"
        timeout = float(os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"])
        self._first = HTTPConnection("127.0.0.1", port, timeout=timeout)
        # The server builds its routes at the first request to one of them: a second nobody need wait for.
        self._first.request("GET", "/api/admin/version")

    def wait_until_ready(self) -> None:
        """Return when it answers.

        Raises:
            RuntimeError: it did not come up; the message names its log.
        """
        try:
            status = self._first.getresponse().status
        except (OSError, HTTPException) as problem:
            raise RuntimeError(f"Prefect's server did not start ({problem}); see {self.log}") from None
        finally:
            self._first.close()
        if status != 200:
            raise RuntimeError(f"Prefect's server answers with status {status}; see {self.log}")

    def stop(self) -> None:
        """Let it write what it has received, then end it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_early: list[TemporaryServer] = []


def start_early() -> None:
    """Start the server that ``all_runs_final`` will use, unless the user has one; then import the rest.

    If the process ends without using it, it ends too.
    """
    if not _early and "PREFECT_API_URL" not in os.environ:
        _early.append(TemporaryServer())


def started_server() -> TemporaryServer:
    """The server that was started early, or else a new one."""
    return _early.pop() if _early else TemporaryServer()


def _serve(descriptor: int) -> None:
    gc.disable()  # a fifth of the time until it is up
    import uvicorn
    from prefect.server.api.server import create_app

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            gc.freeze()
            gc.enable()

    server = Server(uvicorn.Config(create_app, factory=True, lifespan="on", log_level="critical"))

    def stop_with_parent() -> None:
        os.read(0, 1)
        server.should_exit = True

    threading.Thread(target=stop_with_parent, daemon=True).start()
    server.run(sockets=[socket.socket(fileno=descriptor)])
    os._exit(0)  # all is written; taking the interpreter apart would cost another second and a half


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
