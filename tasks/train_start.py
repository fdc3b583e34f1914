"""The step that trains what tickets are rewound to."""

from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerChoice
from rtl_core.rewinding import late_tickets
from rtl_core.ticket_file import tickets_to_bytes
from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import TRAINING, cached_task
from tasks.caching.checkpoint import checkpoint_of_step
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.process.computing_time import spending
from tasks.process.cores import threads_for_one


@cached_task(name="starting point of {method}, seed {seed}", tags=(TRAINING,))
def train_start(job: Job, method: str, seed: int, duration: str) -> Reference:
    """Reference of the unpruned tickets to rewind to, of the network that a method trains."""
    problem, stream = load_problem(job), stream_of(job, seed)
    make_optimizer, checkpoint = OptimizerChoice(**job["optimizer"]), checkpoint_of_step()
    with spending("training") as spent:
        tickets = late_tickets(problem, Duration.parse(duration), make_optimizer, stream, checkpoint, threads_for_one())
    reference: Reference = {"sha256": STORE.put(tickets_to_bytes(tickets)), "seconds": spent.seconds}
    checkpoint.clear()
    return reference
