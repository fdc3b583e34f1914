"""The steps of independent chains of pruning rounds."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from flows.steps import Step, results_of
from tasks.artefacts.paths import JobName
from tasks.extract_round import extract_round
from tasks.jobs.job import Job, name_of
from tasks.jobs.training_times import Training, mask_seconds, seconds_of
from tasks.train_start import train_start


def start_steps(job: Job, seeds: Sequence[int], method: str, rewind_to: str | None) -> dict[tuple[Any, ...], Step]:
    """What the chains of a method are rewound to, under ``start``, seed and method; nothing where that is θ₀."""
    if rewind_to is None:
        return {}
    return {("start", seed, method): Step(partial(train_start.submit, job, method, seed, rewind_to)) for seed in seeds}


def chain_steps(
    job: Job,
    method: str,
    seeds: Sequence[int],
    chains: Sequence[str],
    rounds: Sequence[dict[str, Any]],
    duration: str,
    start_of: str | None,
) -> dict[tuple[Any, ...], Step]:
    """Every round of every chain, each after the one before it; all chains advance together.

    Keys are method, seed, chain and number of the round. Where ``start_of`` names a method, its ``start_steps`` come
    first; None rewinds to θ₀.
    """
    return {
        (method, seed, chain, number): Step(
            partial(
                extract_round.submit, job, method, seed, chain, pruning_round, duration, *([] if number > 1 else [None])
            ),
            (
                *([(method, seed, chain, number - 1)] if number > 1 else []),
                *([("start", seed, start_of)] if start_of else []),
            ),
        )
        for number, pruning_round in enumerate(rounds, start=1)
        for seed in seeds
        for chain in chains
    }


def level_ends(rounds: Sequence[dict[str, Any]]) -> dict[float, int]:
    """The number of the round at which each sparsity level is reached."""
    return {r["sparsity"]: r["number"] for r in rounds if r["sparsity"] is not None}


def mask_times(
    jobs: Sequence[Job],
    method: str,
    rounds: Mapping[JobName, Sequence[dict[str, Any]]],
    results: Mapping[tuple[Any, ...], Any],
) -> list[Training]:
    """How long a method's chains took until the masks of each level, and what they are rewound to, if it is their own.

    Args:
        jobs: of the problem.
        method: whose chains they are.
        rounds: of a chain, by job.
        results: of the steps of all jobs.
    """
    times: list[Training] = []
    for job in jobs:
        instance, own = job["instance"], results_of(job, results)
        starts = [key for key in own if key[0] == "start" and key[2] == method]
        times += [Training(instance, method, key[1], 0.0, "start", seconds_of([own[key]])) for key in starts]
        of_levels = mask_seconds(own, method, level_ends(rounds[name_of(job)]))
        times += [Training(instance, method, *place, "masks", seconds) for place, seconds in of_levels.items()]
    return times


def gathered(submit: Callable[..., Any], *ends: Any) -> Any:
    """Submit a step that takes the ends of several chains as one list."""
    return submit(list(ends))
