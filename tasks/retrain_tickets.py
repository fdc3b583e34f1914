"""The step that retrains the K tickets of one seed and level jointly, or the one of IMP single."""

from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerChoice
from rtl_core.retraining import retrain
from rtl_core.ticket_file import tickets_to_bytes
from tasks.artefacts.masks_file import masks_in
from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import TRAINING, cached_task
from tasks.caching.checkpoint import checkpoint_of_step
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.jobs.starting_point import layout_of, starting_weights
from tasks.process.computing_time import spending
from tasks.process.cores import threads_for_one


@cached_task(name="{method}, seed {seed}, sparsity {sparsity}", tags=(TRAINING,))
def retrain_tickets(
    job: Job,
    method: str,
    update: str,
    seed: int,
    sparsity: float,
    duration: str,
    masks: Reference,
    start: Reference | None,
) -> Reference:
    """Reference of the ticket file of one joint retraining.

    Args:
        job: of the K tickets or, for a method with one network, ``with_one_network``.
        method: for whom; those with one network all draw as IMP single does.
        update: of the shared weights (``rtl_core.updates``).
        seed: of the initialisation, and of everything.
        sparsity: of the masks, for people to read.
        duration: of retraining.
        masks: reference of the masks file.
        start: of what is started from; None for θ₀.
    """
    problem, stream = load_problem(job), stream_of(job, seed)
    weights, checkpoint = starting_weights(job, seed, start), checkpoint_of_step()
    with spending("training") as spent:
        tickets = retrain(
            weights.copy() if weights.prunable.is_cuda else weights,
            masks_in(masks, problem.subsets, layout_of(job)),
            problem.objectives,
            Duration.parse(duration),
            problem.batches_per_epoch,
            update,
            OptimizerChoice(**job["optimizer"]),
            stream.at(method="imp_single" if job["one_network"] else method),
            checkpoint,
            threads_for_one(),
        )
    reference: Reference = {"sha256": STORE.put(tickets_to_bytes(tickets)), "seconds": spent.seconds}
    checkpoint.clear()
    return reference
