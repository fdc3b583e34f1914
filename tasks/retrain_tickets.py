"""The steps that retrain the K tickets of one seed and level jointly, or change what they share."""

from torch import Tensor

from rtl_core.construction import initial_weights
from rtl_core.controls import (
    initial_magnitude_masks,
    layer_shuffled_masks,
    random_masks,
    with_shared_statistics,
)
from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerChoice
from rtl_core.masks import Masks
from rtl_core.randomness import Stream
from rtl_core.retraining import retrain
from rtl_core.ticket_file import tickets_from_bytes, tickets_to_bytes
from tasks.artefacts.masks_file import masks_of
from tasks.artefacts.store import STORE
from tasks.caching.cached_task import TRAINING, cached_task
from tasks.caching.checkpoint import checkpoint_of_step
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.jobs.starting_point import starting_weights
from tasks.process.computing_time import computing
from tasks.process.cores import threads_for_one


@cached_task(
    name="{method}, seed {seed}, sparsity {sparsity}",
    uses=("rtl_core.retraining", "rtl_core.controls", "rtl_core.ticket_file"),
    version="1",
    tags=(TRAINING,),
)
def retrain_tickets(
    job: Job,
    method: str,
    update: str,
    seed: int,
    sparsity: float,
    duration: str,
    masks: dict[str, str],
    start: dict[str, str] | None,
) -> dict[str, str]:
    """Reference of the ticket file of one joint retraining; controls put other masks in RTL's place."""
    problem, stream = load_problem(job), stream_of(job, seed)
    weights, place = starting_weights(problem, stream, start), stream.at(method=method)
    initial = initial_weights(problem, stream).prunable.detach()
    tickets_masks = masks_for(method, masks_of(masks, problem, stream), initial, place.at(draw="masks"))
    checkpoint = checkpoint_of_step()
    with computing():
        tickets = retrain(
            weights,
            tickets_masks,
            problem.objectives,
            Duration.parse(duration),
            problem.batches_per_epoch,
            update,
            OptimizerChoice(**job["optimizer"]),
            place,
            checkpoint,
            threads_for_one(),
        )
    found = {"sha256": STORE.put(tickets_to_bytes(tickets))}
    checkpoint.clear()
    return found


def masks_for(method: str, masks: Masks, initial: Tensor, stream: Stream) -> Masks:
    """The masks that a method retrains under: RTL's own, or those of a control made to their measure."""
    if method == "random_masks":
        return random_masks(masks, stream)
    if method == "layer_shuffled_masks":
        return layer_shuffled_masks(masks, stream)
    if method == "initial_magnitude_masks":
        return initial_magnitude_masks(masks, initial)
    return masks


@cached_task(
    name="shared_statistics, seed {seed}, sparsity {sparsity}",
    uses=("rtl_core.controls", "rtl_core.ticket_file"),
    version="1",
)
def share_statistics(job: Job, seed: int, sparsity: float, tickets: dict[str, str]) -> dict[str, str]:
    """Reference of a ticket file with RTL's tickets, one set of batch statistics for all of them."""
    problem, stream = load_problem(job), stream_of(job, seed)
    own = tickets_from_bytes(STORE.get(tickets["sha256"]), tickets["path"])
    place = stream.at(method="shared_statistics")
    with computing():
        shared = with_shared_statistics(initial_weights(problem, stream), own, problem.objectives, place)
    return {"sha256": STORE.put(tickets_to_bytes(shared))}
