"""How a file appears whole or not at all."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil

from tasks.process.interruption import if_ended_early


@contextmanager
def whole_file(path: Path, content_is_checked: bool = False) -> Iterator[Path]:
    """A new file to write to, which becomes ``path`` once the block ends, whole or not at all.

    So it is even if the process or the machine stops half way; in the latter case not where the content is checked
    whenever the file is read, for then nobody waits until the disk has it.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.{os.getpid()}.")
    except OSError as problem:
        problem.filename = str(path)
        raise
    os.close(descriptor)
    try:
        with if_ended_early(partial(os.unlink, name)):
            yield Path(name)
            if not content_is_checked:
                with open(name, "r+b") as file:
                    os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
    except BaseException as problem:
        with suppress(FileNotFoundError):
            os.unlink(name)
        if isinstance(problem, OSError) and problem.filename is None:  # where a disk is full, none is named
            problem.filename = str(path)
        raise


def unfinished_files(folder: Path) -> list[Path]:
    """What ``whole_file`` had begun below a folder when its process, which is no more, was killed."""
    begun = [(path, re.search(r"\.(\d+)\.[a-z0-9_]{8}$", path.name)) for path in folder.rglob(".*.????????")]
    return [path for path, written_by in begun if written_by and not psutil.pid_exists(int(written_by[1]))]


def write_atomically(path: Path, data: bytes) -> None:
    """Publish a file whole or not at all, even if the process or the machine stops half way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as unfinished:
        unfinished.write_bytes(data)
