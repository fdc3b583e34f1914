"""Who may work on a problem in this folder: one run at a time."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from tasks.artefacts import paths
from tasks.artefacts.paths import JobName
from tasks.artefacts.whole_file import unfinished_files


@contextmanager
def problem_lock(problem: str) -> Iterator[None]:
    """Keep other processes from a problem in this folder until the end of the block, or of the process.

    Where one is at work it is waited for, and a line on stderr says for which. What it has finished is found then; what
    a killed one had begun to write is removed. Blocks of one process may lie in one another.
    """
    path = paths.turn(problem)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, thread_local=False, is_singleton=True)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        process = path.read_text().strip() or "unknown"
        print(f"{problem}: waiting for a run in this folder (process {process})", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        path.write_text(str(os.getpid()))
        for folder in (paths.data(JobName(problem)), paths.artifacts(problem)):
            for left in unfinished_files(folder):
                left.unlink(missing_ok=True)
        yield
    finally:
        lock.release()
