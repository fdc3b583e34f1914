"""How tickets are saved to a file, and loaded from it."""

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rtl_core.device import device_of
from rtl_core.errors import TicketFileError
from rtl_core.ticket_file import tickets_from_bytes, tickets_to_bytes
from rtl_core.tickets import Tickets
from rtl_core.use.allowed import check_allowed
from rtl_core.use.tickets_in_use import TicketsInUse


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


def load(
    path: str | os.PathLike[str], allow: Sequence[str | Callable[..., Any]] = (), device: str = "auto"
) -> TicketsInUse:
    """Read a ticket file, to be used without the data that its tickets were trained on.

    Args:
        path: of the file.
        allow: classes or functions that make networks, or their import paths, ``module:name``, which the file may
            name beside ours, timm's and torchvision's.
        device: where it is computed: ``auto``, ``cpu``, ``cuda`` or ``cuda:1`` and the like.

    Raises:
        TicketFileError: there is none, or it is truncated, altered, unsound or another kind; or its network is made by
            code that is not allowed.
        SettingsError: there is no such device.
    """
    device_of(device, "device")
    try:
        content = Path(path).read_bytes()
    except OSError as problem:
        raise TicketFileError(f"{path}: not readable ({problem.strerror})") from None
    tickets = tickets_from_bytes(content, str(path))
    trusted = [one if isinstance(one, str) else f"{one.__module__}:{one.__qualname__}" for one in allow]
    check_allowed(tickets.about.architecture if tickets.about else None, trusted, str(path))
    return TicketsInUse.of(tickets, str(path), trusted, device)
