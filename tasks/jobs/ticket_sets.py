"""The tickets of one method, from its files; and published files as training left them."""

from collections.abc import Sequence
from pathlib import Path

from rtl_core.errors import DataError
from rtl_core.problem import Problem
from rtl_core.ticket_file import tickets_from_bytes, without_about
from rtl_core.tickets import Tickets
from tasks.artefacts.publishing import collect
from tasks.artefacts.store import STORE, Reference, called


def ticket_sets(problem: Problem, method: str, files: Sequence[Reference]) -> list[Tickets]:
    """One set of tickets a file: one in all, or K that share nothing.

    Raises:
        TicketFileError: a file is damaged.
        DataError: they are not those of the problem's subsets, in their order.
    """
    sets = [tickets_from_bytes(STORE.get(file["sha256"]), called(file)) for file in files]
    held = tuple(name for one in sets for name in one.subsets)
    if held != problem.subsets:
        raise DataError(f"{method}: ticket files of {', '.join(held)}; expected {', '.join(problem.subsets)}")
    return sets


def bare_file(path: Path) -> Reference:
    """Reference of a published ticket file without what it says about itself, so that its scores are found again.

    Raises:
        DataError: the file is missing.
        TicketFileError: it is damaged or of another kind.
    """
    data = STORE.get(collect(path)["sha256"])
    return {"sha256": STORE.put(without_about(data, str(path))), "path": str(path)}
