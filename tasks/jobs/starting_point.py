"""What tickets start from, and are rewound to: θ₀, or what was trained from it."""

from threading import Lock

from rtl_core.construction import initial_weights
from rtl_core.errors import TicketFileError
from rtl_core.rewinding import weights_at
from rtl_core.ticket_file import tickets_from_bytes
from rtl_core.weights import FlatWeights, Layout
from tasks.artefacts import paths
from tasks.artefacts.digests import digest_of
from tasks.artefacts.paths import JobName
from tasks.artefacts.publishing import collect
from tasks.artefacts.store import STORE, Reference, called
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.settings.sections import ProblemSettings

MOST_KEPT = 16
"""Networks that stay on the device: one a job and seed."""
_layouts: dict[str, Layout] = {}
_on_device: dict[str, FlatWeights] = {}
_changing = Lock()


def published_start(job: JobName, settings: ProblemSettings, seed: int) -> Reference | None:
    """What the extract stage rewound the tickets of one seed to; None for θ₀.

    Raises:
        DataError: the file is missing.
    """
    return collect(paths.start(job, seed)) if settings.extract.rewind_to else None


def layout_of(job: Job) -> Layout:
    """Where the prunable weights of a job's network stand; found once in a process."""
    key = digest_of(job)
    if key not in _layouts:
        _layouts[key] = initial_weights(load_problem(job), stream_of(job, 0)).layout
    return _layouts[key]


def starting_weights(job: Job, seed: int, start: Reference | None) -> FlatWeights:
    """A network at θ₀, or at the weights that ``train_start`` found.

    On a CPU it is the caller's own. On CUDA it is made once for all rounds of a seed, and must be left as it is.

    Raises:
        TicketFileError: the file of the weights is damaged, or made for another network.
    """
    if not job["cuda"]:
        return _made(job, seed, start)
    key = digest_of([job, seed, start and start["sha256"]])
    with _changing:
        if key in _on_device:
            return _on_device[key]
        weights = _made(job, seed, start)
        if weights.prunable.is_cuda:
            if len(_on_device) >= MOST_KEPT:
                _on_device.pop(next(iter(_on_device)))
            _on_device[key] = weights
    return weights


def _made(job: Job, seed: int, start: Reference | None) -> FlatWeights:
    problem, stream = load_problem(job), stream_of(job, seed)
    if not start:
        return initial_weights(problem, stream)
    tickets = tickets_from_bytes(STORE.get(start["sha256"]), called(start))
    if tickets.masks.layout != layout_of(job):
        raise TicketFileError(f"{called(start)}: made for another network; run the extract stage again")
    return weights_at(tickets, problem, stream)
