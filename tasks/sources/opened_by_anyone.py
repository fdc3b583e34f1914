"""Which files below a folder are opened, by whatever program or library: Linux tells through inotify."""

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IN_MODIFY, IN_CLOSE_WRITE, IN_OPEN, IN_CREATE, IN_ISDIR = 0x2, 0x8, 0x20, 0x100, 0x40000000
EVENT = struct.Struct("iIII")
"""Number of the watched folder, what happened, a cookie, length of the name that follows."""
MOST_FOLDERS = 1000
"""That are watched, those nearest to the root first."""
PUBLISHED = {"data", "artifacts", "mlartifacts", "mlruns"}
OF_THE_RUN = {"params.yaml", "dvc.yaml", "dvc.lock", "mlflow.db"}
"""Folders at the root that hold what stages made, and files there that a run opens by itself."""
NOT_DATA = {"__pycache__", "site-packages", "node_modules"}

_LIBC = ctypes.CDLL(None)


@contextmanager
def opened_by_anyone(root: Path) -> Iterator[set[Path]]:
    """The files that are opened below a folder, and not written, while a block runs; filled once it has ended.

    Hidden folders and those of published data are not looked into, and what the run opens by itself does not count.
    Empty where the system does not tell.
    """
    files: set[Path] = set()
    descriptor = _inotify()
    if descriptor is None:
        yield files
        return
    try:
        folders = _watched(descriptor, root)
        yield files
        files |= _opened(descriptor, folders) - {root / name for name in OF_THE_RUN}
    finally:
        os.close(descriptor)


def _inotify() -> int | None:
    if sys.platform != "linux":
        return None
    descriptor: int = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    return descriptor if descriptor >= 0 else None


def _watched(descriptor: int, root: Path) -> dict[int, Path]:
    """The folders that are watched, by inotify's number."""
    folders: dict[int, Path] = {}
    waiting = [root]
    while waiting and len(folders) < MOST_FOLDERS:
        folder = waiting.pop(0)
        mask = IN_OPEN | IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE
        number = _LIBC.inotify_add_watch(descriptor, os.fsencode(folder), mask)
        if number < 0:
            continue
        folders[number] = folder
        try:
            below = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
        except OSError:
            continue
        waiting += [
            folder / name
            for name in below
            if not name.startswith(".") and name not in NOT_DATA and not (folder == root and name in PUBLISHED)
        ]
    return folders


def _opened(descriptor: int, folders: dict[int, Path]) -> set[Path]:
    opened, written = set[Path](), set[Path]()
    while True:
        try:
            events = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return {path for path in opened - written if path.is_file()}
        place = 0
        while place < len(events):
            number, mask, _, length = EVENT.unpack_from(events, place)
            name = events[place + EVENT.size :][:length].rstrip(b"\0")
            place += EVENT.size + length
            if name and number in folders and not mask & IN_ISDIR:
                path = folders[number] / os.fsdecode(name)
                (opened if mask & IN_OPEN else written).add(path)
