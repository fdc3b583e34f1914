"""The step that trains K networks that share nothing."""

from rtl_core.baselines import imp_multiple
from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerChoice
from rtl_core.ticket_file import tickets_to_bytes
from tasks.artefacts.masks_file import masks_in
from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import TRAINING, cached_task
from tasks.caching.checkpoint import checkpoint_of_step
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.jobs.starting_point import layout_of, starting_weights
from tasks.process.computing_time import spending


@cached_task(name="imp_multiple, seed {seed}, sparsity {sparsity}", tags=(TRAINING,))
def train_networks(
    job: Job, seed: int, sparsity: float, duration: str, masks: Reference, start: Reference | None
) -> list[Reference]:
    """References of the K ticket files of IMP (multiple models), which takes over RTL's masks."""
    problem, stream = load_problem(job), stream_of(job, seed)
    make_optimizer, checkpoint = OptimizerChoice(**job["optimizer"]), checkpoint_of_step()
    with spending("training") as spent:
        networks = imp_multiple(
            problem,
            masks_in(masks, problem.subsets, layout_of(job)),
            Duration.parse(duration),
            make_optimizer,
            stream,
            checkpoint,
            starting_weights(job, seed, start),
        )
    each = spent.seconds / len(networks)
    references: list[Reference] = [
        {"sha256": STORE.put(tickets_to_bytes(tickets)), "seconds": each} for tickets in networks
    ]
    checkpoint.clear()
    return references
