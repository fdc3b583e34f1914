"""The step that trains one chain for one round and prunes it."""

from typing import Any

from rtl_core.chain import extract_round as core_round
from rtl_core.chain import unpruned
from rtl_core.chain_objectives import objective_of
from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerChoice
from rtl_core.pruning import Round
from tasks.artefacts.chain_file import chain_from_bytes, chain_to_bytes
from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import TRAINING, cached_task
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.jobs.starting_point import starting_weights
from tasks.process.computing_time import spending


@cached_task(name="{method}, seed {seed}, {chain}, round {pruning_round[number]}", tags=(TRAINING,))
def extract_round(
    job: Job,
    method: str,
    seed: int,
    chain: str,
    pruning_round: dict[str, Any],
    duration: str,
    previous: Reference | None,
    start: Reference | None = None,
) -> Reference:
    """Reference of a chain after one round; ``previous`` is the same before it, None at the beginning.

    ``chain`` is named for one of the problem's subsets, or for what a control has in their place; ``start`` is what is
    rewound to, None for θ₀.
    """
    problem, stream = load_problem(job), stream_of(job, seed)
    weights = starting_weights(job, seed, start)
    before = (
        chain_from_bytes(STORE.get(previous["sha256"]), weights.layout.size) if previous else unpruned(weights.layout)
    )
    with spending("training") as spent:
        after = core_round(
            weights,
            objective_of(problem, method, chain, stream),
            before,
            Round(**pruning_round),
            Duration.parse(duration),
            OptimizerChoice(**job["optimizer"]),
            stream.at(method=method, subset=chain),
        )
    return {"sha256": STORE.put(chain_to_bytes(after)), "seconds": spent.seconds}
