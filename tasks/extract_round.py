"""The step that trains one subset's chain for one round and prunes it."""

from typing import Any

from rtl_core.duration import Duration
from rtl_core.extraction import extract_round as core_round
from rtl_core.extraction import initial_weights, unpruned
from rtl_core.isolation import OptimizerChoice
from rtl_core.pruning import Round
from tasks.caching import cached_task
from tasks.chain_file import chain_from_bytes, chain_to_bytes
from tasks.job import Job, load_problem, stream_of
from tasks.store import STORE
from tasks.timing import computing


@cached_task(
    name="{method}, seed {seed}, {subset}, round {pruning_round[number]}",
    uses=("rtl_core.extraction",),
    version="1",
)
def extract_round(
    job: Job,
    method: str,
    seed: int,
    subset: str,
    pruning_round: dict[str, Any],
    duration: str,
    previous: dict[str, str] | None,
) -> dict[str, str]:
    """Reference of the chain after one round; ``previous`` is the chain before it, None at the beginning.

    ``subset`` is one of the problem's, or the name of the single objective.
    """
    problem = load_problem(job)
    single = method == "imp_single"
    objective = problem.single_objective if single else problem.objectives[problem.subsets.index(subset)]
    stream = stream_of(job, seed)
    weights = initial_weights(problem, stream, single)
    size = weights.layout.size
    chain = chain_from_bytes(STORE.get(previous["sha256"]), size) if previous else unpruned(weights.layout)
    place = stream.at(method=method, subset=subset)
    with computing():
        chain = core_round(
            weights,
            objective,
            chain,
            Round(**pruning_round),
            Duration.parse(duration),
            OptimizerChoice(**job["optimizer"]),
            place,
        )
    return {"sha256": STORE.put(chain_to_bytes(chain))}
