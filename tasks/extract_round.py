"""The step that trains one subset's chain for one round and prunes it."""

from typing import Any

from rtl_core.chain import extract_round as core_round
from rtl_core.chain import unpruned
from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerChoice
from rtl_core.problem import Objective, Problem
from rtl_core.pruning import Round
from rtl_core.randomness import Stream
from tasks.artefacts.chain_file import chain_from_bytes, chain_to_bytes
from tasks.artefacts.store import STORE
from tasks.caching.cached_task import TRAINING, cached_task
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.jobs.starting_point import starting_weights
from tasks.process.computing_time import computing

CONTROL_CHAINS = {"same_subset": "order", "random_partition": "part"}
"""Controls with chains of their own, and what each chain is: another data order, or another part of the data."""


@cached_task(
    name="{method}, seed {seed}, {subset}, round {pruning_round[number]}",
    uses=("rtl_core.chain", "rtl_core.construction"),
    version="1",
    tags=(TRAINING,),
)
def extract_round(
    job: Job,
    method: str,
    seed: int,
    subset: str,
    pruning_round: dict[str, Any],
    duration: str,
    previous: dict[str, str] | None,
    start: dict[str, str] | None = None,
) -> dict[str, str]:
    """Reference of the chain after one round; ``previous`` is the chain before it, None at the beginning.

    ``subset`` is one of the problem's, the name of the single objective, or a chain of a control; ``start`` is
    what is rewound to, None for θ₀.
    """
    problem = load_problem(job)
    stream = stream_of(job, seed)
    objective = objective_of(problem, method, subset, stream)
    weights = starting_weights(problem, stream, start, method == "imp_single")
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


def chains_of(problem: Problem, method: str, control_chains: int | None = None) -> list[str]:
    """The names of a method's chains: RTL has one a subset, IMP single one; a control as many as RTL, if not told."""
    if method == "imp_single":
        return [problem.single_objective.name]
    if method == "rtl":
        return list(problem.subsets)
    count = min(control_chains or len(problem.subsets), len(problem.subsets))
    return [f"{CONTROL_CHAINS[method]} {number}" for number in range(1, count + 1)]


def objective_of(problem: Problem, method: str, subset: str, stream: Stream) -> Objective:
    """What one of a method's chains is trained on."""
    if method == "imp_single":
        return problem.single_objective
    if method == "same_subset":
        return problem.objectives[0]
    if method == "random_partition":
        problem = problem.dealt_at_random(stream.at(draw="random partition").generator())
    return problem.objectives[chains_of(problem, method).index(subset)]
