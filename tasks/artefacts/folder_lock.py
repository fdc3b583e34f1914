"""Who may work on a problem in this folder: one run at a time."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.artefacts import paths
from tasks.artefacts.whole_file import unfinished_files


@contextmanager
def turn_of(problem: str) -> Iterator[None]:
    """Keep other runs of a problem in this folder waiting until the end of the block, or of the process.

    Where another one is at work it is waited for, and a line on stderr says for which. What it has finished is found
    then; what a killed one had begun to write is removed.
    """
    with _alone(paths.turn(problem), f"{problem}: waiting for a run in this folder"):
        for folder in (paths.data(problem), paths.artifacts(problem)):
            for left in unfinished_files(folder):
                left.unlink(missing_ok=True)
        yield


@contextmanager
def publishing_to(folder: Path) -> Iterator[None]:
    """Keep others from a folder of published files: runs that a Prefect server started take no turns."""
    with _alone(
        paths.turn(f"publishing {'-'.join(folder.parts)}"), f"{folder}: waiting for a run that publishes to it"
    ):
        yield


@contextmanager
def _alone(path: Path, line: str) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(f"{line} (process {path.read_text().strip() or 'unknown'})", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        path.write_text(str(os.getpid()))
        yield
    finally:
        lock.release()
