"""Which process on which machine left something behind, and whether that process is surely no more."""

import os
import platform
import sys
from contextlib import suppress
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict


class ProcessIdentity(BaseModel):
    """A process, told from a later one of the same number by when it started.

    ``machine`` and ``boot`` are empty where the system does not say; ``namespace`` is that of process numbers, which a
    container has for itself; ``started`` is in seconds since the machine was, which no change of the clock moves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    machine: str
    boot: str
    namespace: str
    pid: int
    started: float

    def is_dead(self) -> bool:
        """Whether it was a process of this machine and surely runs no more. Of any other machine or container, and of
        another user's process that is hidden, nothing is known: it counts as alive.
        """
        if not (self.machine and self.boot) or (self.machine, self.namespace) != (_machine(), _namespace()):
            return False
        return self.boot != _boot() or not exists(self.pid) or _started(self.pid) not in (None, self.started)


def this_process() -> ProcessIdentity:
    """The process that asks."""
    started = _started(os.getpid())
    assert started is not None
    return ProcessIdentity(machine=_machine(), boot=_boot(), namespace=_namespace(), pid=os.getpid(), started=started)


def exists(pid: int) -> bool:
    """Whether a process runs; one that the system hides, as it may another user's, does."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    with suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return True


def _machine() -> str:
    number = _content("/etc/machine-id") if sys.platform == "linux" else platform.platform()
    return f"{platform.node()} {number}" if number else ""


def _boot() -> str:
    return _content("/proc/sys/kernel/random/boot_id") if sys.platform == "linux" else str(round(psutil.boot_time()))


def _namespace() -> str:
    with suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""


def _started(pid: int) -> float | None:
    with suppress(psutil.Error):
        return round(_since_boot(psutil.Process(pid)), 2)
    return None


def _since_boot(process: psutil.Process) -> float:
    return process.create_time() - psutil.boot_time()


def _content(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text().strip()
    return ""
