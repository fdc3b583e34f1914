"""How content is told apart: SHA-256 of files and of what JSON holds."""

import hashlib
import json
from pathlib import Path
from typing import Any

_verified: dict[Path, tuple[int, int, str]] = {}


def file_digest(path: Path) -> str:
    """SHA-256 of a file; read once per process while its size and time stay the same.

    Raises:
        OSError: the file cannot be read.
    """
    path = path.absolute()
    status = path.stat()
    stamp = (status.st_size, status.st_mtime_ns)
    known = _verified.get(path)
    if known is None or known[:2] != stamp:
        with path.open("rb") as file:
            known = (*stamp, hashlib.file_digest(file, "sha256").hexdigest())
        _verified[path] = known
    return known[2]


def digest_of(value: Any) -> str:
    """SHA-256, in hexadecimal, of anything that JSON holds."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
