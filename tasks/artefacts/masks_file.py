"""The masks that a masks file holds, for the problem at hand."""

from collections.abc import Sequence

from rtl_core.errors import TicketFileError
from rtl_core.masks import Masks
from rtl_core.ticket_file import masks_from_bytes
from rtl_core.weights import Layout
from tasks.artefacts.store import STORE, Reference, called


def masks_in(file: Reference, subsets: Sequence[str], layout: Layout) -> Masks:
    """Read a masks file of the store, made for some subsets and a network with this layout.

    Raises:
        TicketFileError: it is damaged, or made for other subsets or another network.
    """
    names, masks = masks_from_bytes(STORE.get(file["sha256"]), called(file))
    if names != tuple(subsets) or masks.layout != layout:
        raise TicketFileError(f"{called(file)}: made for other subsets or another network; run the extract stage again")
    return masks
