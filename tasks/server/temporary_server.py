"""A Prefect server that lives only as long as this process, and when to start it: before the slow imports.

Prefect can start one by itself, but only after it has imported the whole server into this process too.
"""

import os
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tasks.process.interruption import GOES_ON, end, if_ended_early
from tasks.process.prefect_database import DATABASE, URL, refusal_of_database

# What Prefect sets for the server that it starts itself, and what a server without visitors does not need.
ONLY_RECORDS = {
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT_UI_ENABLED": "0",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
}

SERVES = Path(__file__).with_name("serve_records.py")
temporary_urls: set[str] = set()
"""Of the servers that this process has started."""
SHORTLY = 1.5
"""Seconds in which it may write what it has received, where nobody waits for a record of what did not end well."""


class TemporaryServer:
    """Starts at once and does not wait: while it comes up, its socket already takes the first request.

    When the server dies before it is stopped, the process ends with one line.
    """

    def __init__(self) -> None:
        home = Path(os.environ["PREFECT_HOME"])
        if not (home / DATABASE).exists() and URL not in os.environ:
            print("the first run here: Prefect makes its tables, which takes some seconds", file=sys.stderr, flush=True)
        self.log = home / "server.log"
        self.log.write_bytes(b"")
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        port = self._socket.getsockname()[1]
        self.api_url = f"http://127.0.0.1:{port}/api"
        temporary_urls.add(self.api_url)
        self._changing = threading.Lock()
        self._stopped = False
        self._process = self._started()
        self._until_ready = float(os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"])
        # The server builds its routes at the first request to one of them: a second nobody need wait for.
        self._first = self._asked(self._until_ready)
        self._ends_with_process = ExitStack()
        self._ends_with_process.enter_context(if_ended_early(partial(self.stop, SHORTLY)))
        threading.Thread(target=self._end_with_server, daemon=True).start()

    def wait_until_ready(self) -> None:
        """Return when it answers.

        Raises:
            RuntimeError: it did not come up; the message names its log.
        """
        try:
            status = self._first.getresponse().status
        except (OSError, HTTPException) as problem:
            why = refusal_of_database(self.log.parent) or f"Prefect's server did not start ({problem}); see {self.log}"
            raise RuntimeError(why) from None
        self._first.close()
        if status != 200:
            why = f"Prefect's server answers with status {status}; see {self.log}"
            raise RuntimeError(refusal_of_database(self.log.parent) or why)

    def stop(self, seconds: float = 20) -> None:
        """Let it write what it has received, for so long at most, then end it."""
        with self._changing:
            self._stopped = True
        self._ends_with_process.close()
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._socket.close()

    def _started(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", str(SERVES), str(self._socket.fileno())],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=(self._socket.fileno(),),
                start_new_session=True,
                env={**os.environ, **ONLY_RECORDS},
            )

    def _asked(self, timeout: float) -> HTTPConnection:
        connection = HTTPConnection("127.0.0.1", self._socket.getsockname()[1], timeout=timeout)
        connection.request("GET", "/api/admin/version")
        return connection

    def _end_with_server(self) -> None:
        from tasks.process.outages import refusal_of_disk  # its imports would keep the server waiting

        self._process.wait()
        with self._changing:
            if self._stopped:
                return
        home = self.log.parent
        ended = f"Prefect's server ended; see {self.log}, and {GOES_ON}"
        end(1, f"error: {refusal_of_disk(home) or refusal_of_database(home) or ended}")


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
