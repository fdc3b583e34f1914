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
        """Whether it was a process of this machine and runs no more. Of any other machine or container nothing is
        known, and it counts as alive.
        """
        if not self.machine or self.machine != _machine() or not self.boot:
            return False
        if self.boot != _boot():
            return True
        return self.namespace == _namespace() and _started(self.pid) != self.started


def this_process() -> ProcessIdentity:
    """The process that asks."""
    started = _started(os.getpid())
    assert started is not None
    return ProcessIdentity(machine=_machine(), boot=_boot(), namespace=_namespace(), pid=os.getpid(), started=started)


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
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else round(_since_boot(process), 2)
    except psutil.NoSuchProcess:
        return None


def _since_boot(process: psutil.Process) -> float:
    return process.create_time() - psutil.boot_time()


def _content(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text().strip()
    return ""
