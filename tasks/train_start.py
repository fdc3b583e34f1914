"""The step that trains what tickets are rewound to, and how other steps get it: θ₀ where there is none."""

from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerChoice
from rtl_core.rewinding import late_tickets
from rtl_core.ticket_file import tickets_to_bytes
from tasks.artefacts.store import STORE
from tasks.caching.cached_task import TRAINING, cached_task
from tasks.caching.checkpoint import checkpoint_of_step
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.process.computing_time import computing
from tasks.process.cores import threads_for_one


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
