"""The step that gives RTL's tickets one set of batch statistics."""

from rtl_core.construction import initial_weights
from rtl_core.ticket_controls import with_shared_statistics
from rtl_core.ticket_file import tickets_to_bytes
from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.jobs.ticket_sets import ticket_sets
from tasks.process.computing_time import spending


@cached_task(name="shared_statistics, seed {seed}, sparsity {sparsity}")
def share_statistics(job: Job, seed: int, sparsity: float, tickets: Reference) -> Reference:
    """Reference of a ticket file with RTL's tickets, one set of batch statistics for all of them."""
    problem, stream = load_problem(job), stream_of(job, seed)
    (own,) = ticket_sets(problem, "shared_statistics", [tickets])
    place = stream.at(method="shared_statistics")
    with spending("training") as spent:
        shared = with_shared_statistics(initial_weights(problem, stream), own, problem.objectives, place)
    return {"sha256": STORE.put(tickets_to_bytes(shared)), "seconds": spent.seconds}
