"""What tickets start from, and are rewound to: θ₀, or what was trained from it."""

from rtl_core.construction import initial_weights
from rtl_core.errors import TicketFileError
from rtl_core.problem import Problem
from rtl_core.randomness import Stream
from rtl_core.rewinding import weights_at
from rtl_core.ticket_file import tickets_from_bytes
from rtl_core.weights import FlatWeights
from tasks.artefacts import paths
from tasks.artefacts.paths import JobName
from tasks.artefacts.publishing import collect
from tasks.artefacts.store import STORE, Reference, called
from tasks.settings.sections import ProblemSettings


def published_start(job: JobName, settings: ProblemSettings, seed: int) -> Reference | None:
    """What the extract stage rewound the tickets of one seed to; None for θ₀.

    Raises:
        DataError: the file is missing.
    """
    return collect(paths.start(job, seed)) if settings.extract.rewind_to else None


def starting_weights(problem: Problem, stream: Stream, start: Reference | None) -> FlatWeights:
    """A network at θ₀, or at the weights that ``train_start`` found.

    Raises:
        TicketFileError: their file is damaged, or made for another network.
    """
    if not start:
        return initial_weights(problem, stream)
    tickets = tickets_from_bytes(STORE.get(start["sha256"]), called(start))
    if tickets.masks.layout != initial_weights(problem, stream).layout:
        raise TicketFileError(f"{called(start)}: made for another network; run the extract stage again")
    return weights_at(tickets, problem, stream)
