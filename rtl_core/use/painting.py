"""The image that a ticket file holds."""

from torch import Tensor

from rtl_core.description.architecture import CoordinateNetwork
from rtl_core.errors import TicketFileError
from rtl_core.problems.regions.painting import paint
from rtl_core.use.tickets_in_use import TicketsInUse


def painted(tickets: TicketsInUse, size: tuple[int, int] | None = None) -> Tensor:
    """The image that tickets paint together, uint8 [H, W, 3]: all K, or the one network of IMP single.

    Args:
        tickets: of the problem ImageRegions.
        size: height and width in pixels; None takes those that the network was trained at, which are all that it knows:
            others are resampled from them (Lanczos).

    Raises:
        TicketFileError: they paint nothing, are not all of the image's or unsound.
    """
    architecture = tickets.about.architecture if tickets.about else None
    if not isinstance(architecture, CoordinateNetwork):
        raise TicketFileError(f"{tickets.name}: holds no image; allowed: ticket files of the problem ImageRegions")
    serving = tickets.contexts[:1] if architecture.embedded else tickets.contexts
    networks = [tickets.context(name).cpu() for name in serving]
    regions = tickets.statistics[0]["regions"]
    if len(tickets.contexts) != (count := int(regions.max()) + 1):
        raise TicketFileError(
            f"{tickets.name}: holds {len(tickets.contexts)} of the image's {count} regions; allowed: all"
        )
    return paint(networks, regions, architecture.embedded, size)
