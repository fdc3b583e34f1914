"""Which files a block of code reads."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import source_from_cache
from pathlib import Path
from typing import Any

from tasks.sources.opened_by_anyone import opened_by_anyone


@dataclass
class OpenedFiles:
    """What was opened for reading while a block ran, as absolute paths; complete once the block has ended.

    ``here``: by Python in the thread of the block. ``elsewhere``, of files below the project's root that hold no
    Python: by a library in another language (safetensors, libsndfile, Arrow), by another thread or process, which the
    block may have started, or by any other program that happened to open the file meanwhile.
    """

    here: set[Path] = field(default_factory=set)
    elsewhere: set[Path] = field(default_factory=set)


_reads: dict[int, list[set[str]]] = {}
"""What each watched thread has opened, by its number; one set for each block around it."""
_installing = threading.Lock()
_installed = False


@contextmanager
def opened_files() -> Iterator[OpenedFiles]:
    """Watch which files a block opens.

    Not seen: ``elsewhere`` what lies outside the project's root, and all of it on a system other than Linux; and what
    is opened after the block, such as by a generator of batches.
    """
    _install()
    files, read, me = OpenedFiles(), set[str](), threading.get_ident()
    with opened_by_anyone(Path.cwd()) as opened:
        _reads.setdefault(me, []).append(read)
        try:
            yield files
        finally:
            _reads[me].pop()
    files.here |= {Path(path) for path in read if os.path.isfile(path)}
    files.elsewhere |= {path for path in opened - files.here if path.suffix != ".py"}


def _install() -> None:
    """An audit hook stays for good, so there is one, and none before it is needed."""
    global _installed
    with _installing:
        if not _installed:
            sys.addaudithook(_audit)
            _installed = True


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("open", "sqlite3.connect"):
        return
    watching = _reads.get(threading.get_ident())
    if watching and (path := _read(*arguments)) is not None:
        for read in watching:
            read.add(path)


def _read(path: Any, mode: Any = None, flags: int = os.O_RDONLY) -> str | None:
    """The file that is opened for reading, if it is; of compiled Python the source."""
    writes = mode[:1] in "wxa" if isinstance(mode, str) else flags & os.O_WRONLY
    if writes or not isinstance(path, str | bytes | os.PathLike):
        return None
    name = os.path.abspath(os.fsdecode(path))
    try:
        return source_from_cache(name) if name.endswith(".pyc") else name
    except ValueError:  # compiled elsewhere
        return name
