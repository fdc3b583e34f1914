"""The step that trains a baseline from θ₀ under its mask or masks."""

from rtl_core import baselines
from rtl_core.duration import Duration
from rtl_core.extraction import initial_weights
from rtl_core.isolation import OptimizerChoice
from rtl_core.masks import Masks
from rtl_core.ticket_file import tickets_to_bytes
from tasks.caching import cached_task
from tasks.chain_file import chain_from_bytes
from tasks.checkpoint import checkpoint_of_step
from tasks.job import Job, load_problem, stream_of
from tasks.masks_of import masks_of
from tasks.store import STORE
from tasks.timing import computing

USES = ("rtl_core.baselines", "rtl_core.ticket_file")


@cached_task(name="imp_single, seed {seed}, sparsity {sparsity}", uses=USES, version="1")
def train_single(job: Job, seed: int, sparsity: float, duration: str, chain: dict[str, str]) -> list[dict[str, str]]:
    """Reference of the ticket file of IMP (single model), whose chain ended in ``chain``."""
    problem = load_problem(job)
    stream = stream_of(job, seed)
    layout = initial_weights(problem, stream, single=True).layout
    mask = chain_from_bytes(STORE.get(chain["sha256"]), layout.size).mask
    checkpoint = checkpoint_of_step()
    with computing():
        tickets = baselines.imp_single(
            problem,
            Masks(layout, mask.unsqueeze(0)),
            Duration.parse(duration),
            OptimizerChoice(**job["optimizer"]),
            stream,
            checkpoint,
        )
    found = [{"sha256": STORE.put(tickets_to_bytes(tickets))}]
    checkpoint.clear()
    return found


@cached_task(name="imp_multiple, seed {seed}, sparsity {sparsity}", uses=USES, version="1")
def train_multiple(job: Job, seed: int, sparsity: float, duration: str, masks: dict[str, str]) -> list[dict[str, str]]:
    """References of the K ticket files of IMP (multiple models), which takes over RTL's masks."""
    problem, stream = load_problem(job), stream_of(job, seed)
    found = masks_of(masks, problem, stream)
    checkpoint = checkpoint_of_step()
    with computing():
        networks = baselines.imp_multiple(
            problem,
            found,
            Duration.parse(duration),
            OptimizerChoice(**job["optimizer"]),
            stream,
            checkpoint,
        )
    references = [{"sha256": STORE.put(tickets_to_bytes(tickets))} for tickets in networks]
    checkpoint.clear()
    return references
