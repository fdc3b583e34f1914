"""The step that trains what tickets are rewound to, and how other steps get it: θ₀ where there is none."""

from rtl_core.construction import initial_weights
from rtl_core.duration import Duration
from rtl_core.errors import TicketFileError
from rtl_core.isolation import OptimizerChoice
from rtl_core.problem import Problem
from rtl_core.randomness import Stream
from rtl_core.rewinding import late_tickets, weights_at
from rtl_core.ticket_file import tickets_from_bytes, tickets_to_bytes
from rtl_core.weights import FlatWeights
from tasks import paths
from tasks.caching import TRAINING, cached_task
from tasks.checkpoint import checkpoint_of_step
from tasks.cores import threads_for_one
from tasks.job import Job, load_problem, stream_of
from tasks.publishing import collect
from tasks.settings import ProblemSettings
from tasks.store import STORE
from tasks.timing import computing


@cached_task(
    name="starting point, seed {seed}, {network}",
    uses=("rtl_core.rewinding", "rtl_core.ticket_file"),
    version="1",
    tags=(TRAINING,),
)
def train_start(job: Job, seed: int, network: str, duration: str) -> dict[str, str]:
    """Reference of the unpruned tickets to rewind to: of the tickets' network (``rtl``), or of ``imp_single``'s."""
    problem, stream = load_problem(job), stream_of(job, seed)
    make_optimizer, checkpoint = OptimizerChoice(**job["optimizer"]), checkpoint_of_step()
    with computing():
        tickets = late_tickets(
            problem, Duration.parse(duration), make_optimizer, stream, network == "imp_single", checkpoint,
            threads_for_one(),
        )  # fmt: skip
    found = {"sha256": STORE.put(tickets_to_bytes(tickets))}
    checkpoint.clear()
    return found


def published_start(job: str, settings: ProblemSettings, seed: int) -> dict[str, str] | None:
    """What the extract stage rewound the tickets of one seed to, by name of the job; None for θ₀.

    Raises:
        DataError: the file is missing.
    """
    return collect(paths.start(job, seed)) if settings.extract.rewind_to else None


def starting_weights(
    problem: Problem, stream: Stream, start: dict[str, str] | None, single: bool = False
) -> FlatWeights:
    """A network at θ₀, or at the weights that ``train_start`` found.

    Raises:
        TicketFileError: their file is damaged, or made for another network.
    """
    if not start:
        return initial_weights(problem, stream, single)
    name = start.get("path", start["sha256"])
    tickets = tickets_from_bytes(STORE.get(start["sha256"]), name)
    if tickets.masks.layout != initial_weights(problem, stream, single).layout:
        raise TicketFileError(f"{name}: made for another network; run the extract stage again")
    return weights_at(tickets, problem, stream, single)
