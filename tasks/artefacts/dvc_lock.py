"""How DVC is kept from removing what a run reads: by the lock that ``dvc repro`` itself looks at."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tasks.artefacts import paths
from tasks.artefacts.paths import JobName
from tasks.process.interruption import if_ended_early

FOLDER = Path(".dvc")
LOOKS_AGAIN = 1.0
"""Seconds after which DVC, being at work on the same problem, is looked at again."""


@contextmanager
def kept_from_dvc(problem: str) -> Iterator[None]:
    """Let ``dvc repro`` end with a line that names this process, rather than remove what a problem has published, until
    the end of the block, or of the process.

    Where DVC is at work on the problem it is waited for, and a line on stderr says so. What DVC itself started needs
    nothing. Blocks of one process may lie in one another.
    """
    if not FOLDER.is_dir() or "DVC_STAGE" in os.environ:
        yield
        return
    with ExitStack() as lock:
        _enter(lock, problem)
        with if_ended_early(lock.close):
            yield


def _enter(lock: ExitStack, problem: str) -> None:
    from dvc.fs import localfs
    from dvc.lock import LockError
    from dvc.rwlock import rwlock

    folder, reads = FOLDER.absolute() / "tmp", [paths.data(JobName(problem)), paths.artifacts(problem)]
    folder.mkdir(exist_ok=True)
    said = False
    while True:
        try:
            lock.enter_context(
                rwlock(str(folder), localfs, " ".join(sys.argv), [str(path.absolute()) for path in reads], [], False)
            )
            return
        except LockError as busy:
            if not said:
                who = next((line.strip() for line in str(busy).splitlines() if "(PID " in line), "DVC")
                print(f"{problem}: waiting for a run in this folder ({who})", file=sys.stderr, flush=True)
            said = True
            time.sleep(LOOKS_AGAIN)
