"""The steps that train a baseline under its mask or masks."""

from rtl_core import baselines
from rtl_core.controls import union_mask
from rtl_core.duration import Duration
from rtl_core.errors import SettingsError
from rtl_core.isolation import OptimizerChoice
from rtl_core.masks import Masks
from rtl_core.problem import Problem
from rtl_core.randomness import Stream
from rtl_core.ticket_file import tickets_to_bytes
from rtl_core.tickets import Tickets
from rtl_core.weights import FlatWeights
from tasks.artefacts.chain_file import chain_from_bytes
from tasks.artefacts.masks_file import masks_of
from tasks.artefacts.store import STORE
from tasks.caching.cached_task import TRAINING, cached_task
from tasks.caching.checkpoint import checkpoint_of_step
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.jobs.starting_point import starting_weights
from tasks.process.computing_time import computing

USES = ("rtl_core.baselines", "rtl_core.controls", "rtl_core.ticket_file")


@cached_task(name="imp_single, seed {seed}, sparsity {sparsity}", uses=USES, version="1", tags=(TRAINING,))
def train_single(
    job: Job, seed: int, sparsity: float, duration: str, chain: dict[str, str], start: dict[str, str] | None = None
) -> list[dict[str, str]]:
    """Reference of the ticket file of IMP (single model), whose chain ended in ``chain``."""
    problem, stream = load_problem(job), stream_of(job, seed)
    weights = starting_weights(problem, stream, start, single=True)
    mask = chain_from_bytes(STORE.get(chain["sha256"]), weights.layout.size).mask
    return _single(job, problem, weights, Masks(weights.layout, mask.unsqueeze(0)), duration, stream)


@cached_task(name="imp_single_union, seed {seed}, sparsity {sparsity}", uses=USES, version="1", tags=(TRAINING,))
def train_single_union(
    job: Job, seed: int, sparsity: float, duration: str, masks: dict[str, str], start: dict[str, str] | None = None
) -> list[dict[str, str]]:
    """Reference of the ticket file of one network for every subset, under the union of RTL's masks.

    Raises:
        SettingsError: the single network is of another shape than the tickets'.
    """
    problem, stream = load_problem(job), stream_of(job, seed)
    weights = starting_weights(problem, stream, start, single=True)
    union = union_mask(masks_of(masks, problem, stream))
    if union.layout != weights.layout:
        raise SettingsError("imp_single_union: the network of IMP single has other weights than the tickets'")
    return _single(job, problem, weights, union, duration, stream)


def _single(
    job: Job, problem: Problem, weights: FlatWeights, mask: Masks, duration: str, stream: Stream
) -> list[dict[str, str]]:
    make_optimizer, checkpoint = OptimizerChoice(**job["optimizer"]), checkpoint_of_step()
    with computing():
        trained = baselines.imp_single(
            problem, mask, Duration.parse(duration), make_optimizer, stream, checkpoint, weights
        )
    return _kept([trained])


@cached_task(name="imp_multiple, seed {seed}, sparsity {sparsity}", uses=USES, version="1", tags=(TRAINING,))
def train_multiple(
    job: Job, seed: int, sparsity: float, duration: str, masks: dict[str, str], start: dict[str, str] | None
) -> list[dict[str, str]]:
    """References of the K ticket files of IMP (multiple models), which takes over RTL's masks."""
    problem, stream = load_problem(job), stream_of(job, seed)
    found = masks_of(masks, problem, stream)
    make_optimizer, checkpoint = OptimizerChoice(**job["optimizer"]), checkpoint_of_step()
    with computing():
        networks = baselines.imp_multiple(
            problem, found, Duration.parse(duration), make_optimizer, stream, checkpoint,
            starting_weights(problem, stream, start),
        )  # fmt: skip
    return _kept(networks)


def _kept(networks: list[Tickets]) -> list[dict[str, str]]:
    references = [{"sha256": STORE.put(tickets_to_bytes(tickets))} for tickets in networks]
    checkpoint_of_step().clear()
    return references
