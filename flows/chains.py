"""The steps of independent chains of pruning rounds."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from flows.steps import Step
from tasks.extract_round import extract_round
from tasks.job import Job

ChainKey = tuple[str, int, str, int]
"""Method, seed, subset and number of the round."""


def chain_steps(
    job: Job,
    method: str,
    seeds: Sequence[int],
    subsets: Sequence[str],
    rounds: Sequence[dict[str, Any]],
    duration: str,
) -> dict[ChainKey, Step]:
    """Every round of every chain, each after the one before it; all chains advance together."""
    return {
        (method, seed, subset, number): Step(
            partial(_round, job, method, seed, subset, pruning_round, duration),
            ((method, seed, subset, number - 1),) if number > 1 else (),
        )
        for number, pruning_round in enumerate(rounds, start=1)
        for seed in seeds
        for subset in subsets
    }


def level_ends(rounds: Sequence[dict[str, Any]]) -> dict[float, int]:
    """The number of the round at which each sparsity level is reached."""
    return {r["sparsity"]: r["number"] for r in rounds if r["sparsity"] is not None}


def _round(
    job: Job, method: str, seed: int, subset: str, pruning_round: dict[str, Any], duration: str, previous: Any = None
) -> Any:
    return extract_round.submit(job, method, seed, subset, pruning_round, duration, previous)
