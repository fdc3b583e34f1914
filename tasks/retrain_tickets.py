"""The step that retrains the K tickets of one seed and level jointly."""

from rtl_core.baselines import layer_shuffled_masks, random_masks
from rtl_core.duration import Duration
from rtl_core.extraction import initial_weights
from rtl_core.isolation import OptimizerChoice
from rtl_core.retraining import retrain
from rtl_core.ticket_file import tickets_to_bytes
from tasks.caching import cached_task
from tasks.checkpoint import checkpoint_of_step
from tasks.cores import threads_for_one
from tasks.job import Job, load_problem, stream_of
from tasks.masks_of import masks_of
from tasks.store import STORE
from tasks.timing import computing

MEANINGLESS_MASKS = {"random_masks": random_masks, "layer_shuffled_masks": layer_shuffled_masks}


@cached_task(
    name="{method}, seed {seed}, sparsity {sparsity}",
    uses=("rtl_core.retraining", "rtl_core.baselines", "rtl_core.ticket_file"),
    version="1",
)
def retrain_tickets(
    job: Job, method: str, update: str, seed: int, sparsity: float, duration: str, masks: dict[str, str]
) -> dict[str, str]:
    """Reference of the ticket file of one joint retraining; sanity baselines put other masks in RTL's place."""
    problem = load_problem(job)
    stream = stream_of(job, seed)
    found = masks_of(masks, problem, stream)
    place = stream.at(method=method)
    if method in MEANINGLESS_MASKS:
        found = MEANINGLESS_MASKS[method](found, place.at(draw="masks"))
    checkpoint = checkpoint_of_step()
    with computing():
        tickets = retrain(
            initial_weights(problem, stream),
            found,
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
