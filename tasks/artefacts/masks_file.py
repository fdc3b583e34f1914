"""The masks that a masks file holds, for the problem at hand."""

from rtl_core.construction import initial_weights
from rtl_core.errors import TicketFileError
from rtl_core.masks import Masks
from rtl_core.problem import Problem
from rtl_core.randomness import Stream
from rtl_core.ticket_file import masks_from_bytes
from tasks.artefacts.store import STORE, Reference, called


def masks_in(file: Reference, problem: Problem, stream: Stream) -> Masks:
    """Read a masks file of the store.

    Raises:
        TicketFileError: it is damaged, or made for other subsets or another network.
    """
    subsets, masks = masks_from_bytes(STORE.get(file["sha256"]), called(file))
    if subsets != problem.subsets or masks.layout != initial_weights(problem, stream).layout:
        raise TicketFileError(f"{called(file)}: made for other subsets or another network; run the extract stage again")
    return masks
