"""The tickets of one method, from its files."""

from collections.abc import Sequence

from rtl_core.errors import DataError
from rtl_core.problem import Problem
from rtl_core.ticket_file import tickets_from_bytes
from rtl_core.tickets import Tickets
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
