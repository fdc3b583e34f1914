"""Commands without their seconds of imports: they are forked from a process that has these.

Whoever starts them by name has these, DVC's stages included, as long as ``warm_folder()`` stands first in PATH.
Standard streams, folder, environment, cores and exit status are those of a process of its own, and so is the session;
so is the temporary Prefect server that ``rtl run`` starts, and so are the runs that ``rtl serve`` and Prefect's worker
start, as long as no file is where ``COLD_RUNS`` says. The workers of xdist, which run the tests, are forked as well.
The pictures of ``rtl run`` and ``rtl advise`` are drawn by another process (``warm_pictures``).

Tests of how processes start and end do without; so does one of each kind whose bytes are compared, for all forked
processes of one test run have one order of sets.
"""

import gc
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

OWN = ("PYTHONPATH", "PREFECT_", "MLFLOW_", "DVC_", "RTL_")
"""What in an environment is of a run and not of the process that runs are forked from."""
COMMANDS = {
    "rtl": "flows.command_line.app:main",
    "dvc": "dvc.cli:main",
    "prefect": "prefect.cli:app",
    "dask": "dask.__main__:main",
    "mlflow": "mlflow.cli:cli",
}
ENGINE = "prefect.engine"
"""What Prefect's runner starts for every run: a module of Python's, and here a file that stands for Python."""
WORKER = "worker"
"""A process that runs tests: again a file that stands for Python."""
COLD_RUNS = "COLD_RUNS"
imports: dict[tuple[bytes, str], list[str]] = {}
"""Of the modules of this checkout, by source and name."""
CLIENT = """#!{python} -IS
import json, os, socket, sys

if sys.argv[0].endswith({worker!r}):
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # at Ctrl-C pytest lets its workers end what they have begun
if sys.argv[0].endswith({engine!r}) and (
    sys.argv[1:] != ["-m", {engine!r}] or os.path.exists(os.environ.get({cold_runs!r}, ""))
):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as service:
    service.connect({address!r})
    request = json.dumps([sys.argv, os.getcwd(), dict(os.environ), [*os.sched_getaffinity(0)]]).encode()
    socket.send_fds(service, [len(request).to_bytes(4, "big")], [0, 1, 2])
    service.sendall(request)
    number = service.recv(4)
    if told := os.environ.get("WARM_PID"):
        with open(told, "wb") as file:
            file.write(number)
    answer = service.recv(1)
sys.exit(answer[0] if answer else 255)
"""


def warm(environment: Mapping[str, str], told: Path | None = None) -> dict[str, str]:
    """The environment in which the commands are found; ``told``: where the number of the forked process is written."""
    found = {**environment, "PATH": f"{warm_folder()}:{environment['PATH']}"}
    return found | ({"WARM_PID": str(told)} if told else {})


def warm_folder() -> Path:
    """A folder with the commands; what they are forked from ends with the test run."""
    from made_once import OWNER, made  # which what is started does not find

    return made("warm", lambda folder: _start(folder, (folder.parent / OWNER).read_text()))


def _start(folder: Path, owner: str) -> None:
    address = str(folder / "socket")
    client = CLIENT.format(python=sys.executable, address=address, engine=ENGINE, worker=WORKER, cold_runs=COLD_RUNS)
    for name in (*COMMANDS, ENGINE, WORKER):
        (folder / name).write_text(client)
        (folder / name).chmod(0o755)
    subprocess.run(
        [sys.executable, "-P", __file__, address, owner],
        cwd=folder,
        env={**{k: v for k, v in os.environ.items() if not k.startswith(OWN)}, "PREFECT_HOME": str(folder / "prefect")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        check=True,
    )


def _serve(address: str, owner: int) -> None:
    """Serve until the owner has ended; who started this goes on once it listens."""
    gc.disable()  # looking for garbage would take a third of the time of the imports
    sys.path.insert(0, str(Path(__file__).parent))
    libraries = import_module("warm_libraries")
    libraries.prepare()
    imports.update(libraries.imports_of_code())
    pictures = import_module("warm_pictures")
    pictures.draw_until_it_ends(str(Path(address).with_name("pictures")), owner)
    del sys.path[0]
    gc.freeze()
    gc.enable()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    if os.fork():
        os._exit(0)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(ended := os.pidfd_open(owner), selectors.EVENT_READ)
    running: dict[int, socket.socket] = {}
    while True:
        for key, _ in selector.select():
            if key.fileobj == ended:
                for pid in running:
                    _kill(pid)
                os._exit(0)  # libraries would wait at the end for threads that are not in a forked process
            if key.fileobj is listener:
                connection, _ = listener.accept()
                if not (request := _request(connection)):
                    connection.close()
                elif pid := os.fork():
                    _began(selector, pid, connection, request[1])
                    running[pid] = connection
                else:
                    _leave(selector, connection)
                    _become(*request)
            elif key.fileobj not in selector.get_map():  # ended in the same moment
                continue
            elif isinstance(key.fileobj, int):
                _ended(selector, key, running.pop(key.data))
            else:  # who started it is gone
                selector.unregister(key.fileobj)
                _kill(key.data)


def _request(connection: socket.socket) -> tuple[list[Any], list[int]] | None:
    """What is to be run and its standard streams; None from one that is gone."""
    size, streams, _, _ = socket.recv_fds(connection, 4, 3)
    length = int.from_bytes(size, "big")
    with connection.makefile("rb") as whole:
        asked = whole.read(length)
    return (json.loads(asked), streams) if length and len(asked) == length else None


def _began(selector: selectors.BaseSelector, pid: int, connection: socket.socket, streams: list[int]) -> None:
    for stream in streams:
        os.close(stream)
    with suppress(OSError):
        connection.send(pid.to_bytes(4, "big"))
    selector.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)
    selector.register(connection, selectors.EVENT_READ, pid)


def _ended(selector: selectors.BaseSelector, key: selectors.SelectorKey, connection: socket.socket) -> None:
    selector.unregister(key.fileobj)
    os.close(key.fd)
    _, status = os.waitpid(key.data, 0)
    if connection in selector.get_map():
        selector.unregister(connection)
        with suppress(OSError):
            connection.send(bytes([os.waitstatus_to_exitcode(status) % 256]))
    connection.close()


def _kill(pid: int) -> None:
    """A process and its session; it may not have one yet."""
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)


def _leave(selector: selectors.BaseSelector, connection: socket.socket) -> None:
    """Close what belongs to the service: who waits for another process is not to wait for this one."""
    connection.close()
    for key in list(selector.get_map().values()):
        if isinstance(key.fileobj, int):
            os.close(key.fileobj)
        else:
            key.fileobj.close()  # type: ignore[attr-defined]
    selector.close()


def _become(command_line: list[Any], streams: list[int]) -> None:
    arguments, folder, environment, cores = command_line
    os.setsid()
    np.random.seed()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # Libraries put back the streams that they found, and what is dropped is not to close those of the process.
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.environ.pop("WARM_PID", None)
    os.chdir(folder)
    os.sched_setaffinity(0, cores)
    command, status = Path(arguments[0]).name, 1
    sys.path[:0] = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    if command == WORKER:
        sys.path.insert(0, folder)
    sys.argv = arguments
    try:
        if command == "rtl" and arguments[1:2] in (["run"], ["advise"], ["code"]):
            _know_imports()
        if command == "rtl" and arguments[1:2] in (["run"], ["advise"]):
            sys.modules["warm_pictures"].drawn_there(str(Path(arguments[0]).with_name("pictures")))
            _fork_servers()
        elif command in ("prefect", ENGINE, WORKER) or arguments[1:2] == ["serve"]:
            if command in ("rtl", WORKER):
                import_module("tasks.prefect_environment")
            import_module("prefect.context").refresh_global_settings_context()
            if command != WORKER:
                sys.executable = str(Path(arguments[0]).with_name(ENGINE))
        status = _run(command)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        os._exit(status)


def _know_imports() -> None:
    """Let modules that are as in this checkout not be parsed again."""
    sources = import_module("tasks.sources.source_digest")
    parsed = sources._imported
    sources._imported = lambda file, name: imports.get((file.read_bytes(), name)) or parsed(file, name)


def _run(command: str) -> int:
    if command == ENGINE:
        sys.argv[1:] = []
        runpy.run_module(ENGINE, run_name="__main__", alter_sys=True)
        return 0
    if command == WORKER:
        exec(sys.argv[-1], vars(sys.modules["__main__"]))
        return 0
    module, _, function = COMMANDS[command].partition(":")
    return getattr(import_module(module), function)() or 0


def _fork_servers() -> None:
    """Let the flow's process read Prefect's settings when it would import Prefect, and fork its server."""
    from tasks.server import temporary_server

    start_early = temporary_server.start_early

    def start() -> None:
        import_module("tasks.prefect_environment")
        import_module("prefect.context").refresh_global_settings_context()
        start_early()

    temporary_server.start_early = start
    temporary_server.TemporaryServer._started = _forked_server


def _forked_server(server: Any) -> "_Forked":
    """``TemporaryServer._started``, by fork."""
    from tasks.server import serve_records, temporary_server

    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(reading)
        return _Forked(pid, writing)
    os.close(writing)
    os.setsid()
    os.dup2(reading, 0)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    with server.log.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.environ.update(temporary_server.ONLY_RECORDS)
    import_module("prefect.context").refresh_global_settings_context()
    try:
        serve_records._serve(server._socket.fileno())
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(1)


class _Forked:
    """As much of ``subprocess.Popen`` as a temporary server is asked for."""

    def __init__(self, pid: int, writing: int) -> None:
        self._pid, self._watched = pid, os.pidfd_open(pid)
        self.stdin = open(writing, "wb")  # noqa: SIM115

    def wait(self, timeout: float | None = None) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._watched, selectors.EVENT_READ)
            if not selector.select(timeout):
                raise subprocess.TimeoutExpired("Prefect's server", timeout or 0)
        with suppress(ChildProcessError):  # two may wait
            os.waitpid(self._pid, 0)

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
