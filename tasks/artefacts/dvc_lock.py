"""How DVC is kept from removing what a run reads: by the lock that ``dvc repro`` itself looks at."""

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from rtl_core.errors import RtlError, one_line
from tasks.artefacts import paths
from tasks.artefacts.paths import JobName
from tasks.process.interruption import if_ended_early
from tasks.process.process_identity import exists

FOLDER = Path(".dvc")
LOOKS_AGAIN = 1.0
"""Seconds after which DVC, being at work on the same problem, is looked at again."""
CLOCKS_APART = 10.0
"""Seconds by which a file system's clock may differ from that of the machine."""


@contextmanager
def kept_from_dvc(problem: str) -> Iterator[None]:
    """Let ``dvc repro`` end with a line that names this process, rather than remove what a problem has published, until
    the end of the block, or of the process.

    Where DVC is at work on the problem its process is waited for, and a line on stderr says so: between two stages it
    holds no lock, and would fail at the next. What DVC itself started needs nothing. Blocks of one process may lie in
    one another.

    Raises:
        RtlError: DVC's file of locks is damaged.
    """
    if not FOLDER.is_dir() or "DVC_STAGE" in os.environ:
        yield
        return
    with ExitStack() as lock:
        _enter(lock, problem)
        with if_ended_early(lock.close):
            yield


def _enter(lock: ExitStack, problem: str) -> None:
    from dvc.exceptions import DvcException
    from dvc.fs import localfs
    from dvc.lock import LockError
    from dvc.rwlock import RWLOCK_FILE, rwlock

    folder, reads = FOLDER.absolute() / "tmp", [paths.data(JobName(problem)), paths.artifacts(problem)]
    file = folder / RWLOCK_FILE
    folder.mkdir(exist_ok=True)
    said = ""
    while True:
        try:
            _remove_dead(file)
            held = rwlock(str(folder), localfs, " ".join(sys.argv), [str(path.absolute()) for path in reads], [], False)
            held.__enter__()
            lock.callback(_release, held)
            return
        except LockError as busy:
            known = re.search(r"\(PID (\d+)\).*", str(busy))
            if (who := known[0].strip() if known else "DVC") != said:
                line = f"{problem}: waiting for a run in this folder ({who}; if there is none, remove {file})"
                print(one_line(line), file=sys.stderr, flush=True)
            said = who
            time.sleep(LOOKS_AGAIN)
            while known and exists(int(known[1])):
                time.sleep(LOOKS_AGAIN)
        except DvcException as damaged:
            raise RtlError(f"{file}: DVC's file of locks is damaged; remove it while no DVC is at work") from damaged


def _remove_dead(file: Path) -> None:
    """Remove the locks of processes that are no more; DVC would take a later one of the same number for them."""
    from dvc.fs import localfs
    from dvc.rwlock import _edit_rwlock

    if not file.is_file():
        return
    with _edit_rwlock(str(file.parent), localfs, False) as locks:
        written = file.stat().st_mtime

        def lives(info: dict[str, Any]) -> bool:
            with suppress(psutil.Error):
                return psutil.Process(info["pid"]).create_time() <= written + CLOCKS_APART and exists(info["pid"])
            return exists(info["pid"])

        reading = {path: [info for info in infos if lives(info)] for path, infos in locks["read"].items()}
        locks["read"] = {path: infos for path, infos in reading.items() if infos}
        locks["write"] = {path: info for path, info in locks["write"].items() if lives(info)}


def _release(held: AbstractContextManager[None]) -> None:
    from dvc.exceptions import DvcException

    # The file may have been removed, or cannot be written: the run has ended all the same.
    with suppress(DvcException, AssertionError, OSError):
        held.__exit__(None, None, None)
