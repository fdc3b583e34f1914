"""What a ticket file must say to be used by itself: what its input is made from, and what an output means."""

from typing import NamedTuple

from rtl_core.description.about import About
from rtl_core.description.decision import Decision, OneVsRest
from rtl_core.description.preprocessing import Preprocessing
from rtl_core.errors import TicketFileError


class CompleteUsage(NamedTuple):
    """What it takes to go from an input to what it means, once there is a network."""

    preprocessing: Preprocessing
    decision: Decision


def complete_usage(about: About | None, name: str) -> CompleteUsage:
    """What a file, which messages call ``name``, says of its use.

    Raises:
        TicketFileError: it does not say both, or not what outputs mean in each of its contexts.
    """
    if about is None or about.preprocessing is None or about.decision is None:
        raise TicketFileError(
            f"{name}: does not say what its input is or what its output means; allowed: files that do, or in Python "
            "context(…), whose network takes what it took in training"
        )
    decision = about.decision
    told = decision.outputs if isinstance(decision, OneVsRest) else getattr(decision, "among", None)
    if told and (unknown := [context for context in about.contexts if context not in told]):
        raise TicketFileError(f"{name}: says nothing of what outputs mean in {unknown[0][:80]!r}")
    return CompleteUsage(about.preprocessing, decision)
