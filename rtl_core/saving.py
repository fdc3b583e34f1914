"""How tickets are saved to a file, and loaded from it."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from rtl_core.errors import TicketFileError
from rtl_core.ticket_file import tickets_from_bytes, tickets_to_bytes
from rtl_core.tickets import Tickets


def save(tickets: Tickets, path: str | os.PathLike[str]) -> None:
    """Write a ticket file (``rtl_core.ticket_file``), whole or not at all."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(descriptor, "wb") as file:
            file.write(tickets_to_bytes(tickets))
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise


def load(path: str | os.PathLike[str]) -> Tickets:
    """Read a ticket file.

    Raises:
        TicketFileError: there is none, or it is truncated, altered, unsound or another kind.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as problem:
        raise TicketFileError(f"{path}: not readable ({type(problem).__name__})") from None
    return tickets_from_bytes(content, str(path))
