"""Whether weights and what a network says are numbers to go by."""

from torch import Tensor

from rtl_core.errors import TicketFileError
from rtl_core.tickets import Tickets


def check_finite(tickets: Tickets, name: str) -> None:
    """Refuse tickets, of a file that messages call ``name``, that training has left with numbers that are not finite.

    Raises:
        TicketFileError: a number is not finite.
    """
    statistics = [value for own in tickets.statistics for value in own.values()]
    if not all(one.isfinite().all() for one in [tickets.weights, *tickets.dense.values(), *statistics]):
        raise TicketFileError(f"{name}: holds a weight or statistic that is not finite; allowed: finite ones")


def check_answers(outputs: Tensor, count: int, name: str) -> None:
    """Refuse what a network says of ``count`` examples, where it is not one finite answer for each.

    Raises:
        TicketFileError: there are more or fewer answers, or one is not finite.
    """
    if not isinstance(outputs, Tensor) or outputs.shape[:1] != (count,):
        found = list(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise TicketFileError(f"{name}: its network returns {found} for {count} inputs; allowed: a row for each")
    if not outputs.isfinite().all():
        raise TicketFileError(f"{name}: its network returns a number that is not finite; allowed: finite ones")
