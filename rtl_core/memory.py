"""How much memory a training takes up, and how much there is."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

CGROUP = Path("/sys/fs/cgroup")
"""Where Linux says how much a container may have."""


class Memory(NamedTuple):
    """Bytes on a CPU: what all trainings of a process share, and what each takes up beside it.

    ``grows_with`` names the setting that a user makes smaller where it is too much.
    """

    shared: int
    each: int
    grows_with: str

    def of(self, trainings: int) -> int:
        """Bytes of so many trainings side by side."""
        return self.shared + trainings * self.each


def available_memory() -> int:
    """Bytes that this process can still take up: those that are free here, within what its container may have.

    Files that are held in memory because they were read give way, and do not count.
    """
    free = psutil.virtual_memory().available
    with suppress(OSError, ValueError, KeyError):  # no such limit
        most, taken = (int((CGROUP / f"memory.{name}").read_text()) for name in ("max", "current"))
        parts = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        free = min(free, most - taken + int(parts["inactive_file"]) + int(parts["active_file"]))
    return free
