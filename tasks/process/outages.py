"""What to do where the disk, or the Prefect server, refuses to go on: in one line."""

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from httpx import HTTPStatusError, TransportError

from tasks.process.interruption import GOES_ON
from tasks.process.prefect_database import refusal_of_database

CURES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EROFS: "make it writable",
    errno.EACCES: "make it yours to read and write",
}
"""What helps where the file system refuses; all that was finished is kept."""

OF_SQLITE = {
    "database or disk is full": errno.ENOSPC,
    "readonly database": errno.EROFS,
    "unable to open database file": errno.EACCES,
}
"""What SQLite calls it: MLflow and Prefect keep their runs there."""

PROBE = 1 << 18
"""Bytes that a folder must take to count as one that is not full."""


def refusal(problem: BaseException) -> str | None:
    """One line on what was refused and what to do, where anything behind an exception tells; None elsewhere."""
    if line := refusal_of_files(problem):
        return f"{line} and {GOES_ON}"
    for each in behind(problem):
        if isinstance(each, TransportError) or (isinstance(each, HTTPStatusError) and each.response.is_server_error):
            home = Path(os.environ["PREFECT_HOME"])
            return refusal_of_disk(home) or refusal_of_database(home) or _server_line(each)
    return None


def refusal_of_files(problem: BaseException) -> str | None:
    """What a file, a folder or a database in a file refused, and what helps there; None where it was none of them."""
    for each in behind(problem):
        if isinstance(each, OSError) and each.errno in CURES:
            return _line(each.errno, str(each.filename or ""), each.strerror or "")
    for each in behind(problem):
        for words, number in OF_SQLITE.items():
            if words in str(each):
                return _line(number, "", f"SQLite says: {words}")
    return None


def refusal_of_disk(folder: Path) -> str | None:
    """One line where a folder takes no more files; None where it does."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(PROBE))
    except OSError as problem:
        if problem.errno in CURES:
            return f"{_line(problem.errno, str(folder), problem.strerror)} and {GOES_ON}"
    return None


def _line(number: int, where: str, what: str | None) -> str:
    return f"{f'{where}: ' if where else ''}{what}; {CURES[number]}"


def _server_line(problem: TransportError | HTTPStatusError) -> str:
    if isinstance(problem, HTTPStatusError):
        return f"Prefect's server answers {problem.response.status_code} to {problem.request.url}; {GOES_ON}"
    return f"Prefect's server no longer answers ({type(problem).__name__}); see that it runs, and {GOES_ON}"


def behind(problem: BaseException | None) -> Iterator[BaseException]:
    """An exception and what led to it."""
    seen: set[int] = set()
    waiting = [problem]
    while waiting:
        if (each := waiting.pop(0)) is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__]
