"""The steps of independent chains of pruning rounds."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from flows.steps import Step
from tasks.extract_round import extract_round
from tasks.jobs.job import Job
from tasks.train_start import train_start


def start_steps(job: Job, seeds: Sequence[int], network: str, rewind_to: str | None) -> dict[tuple[Any, ...], Step]:
    """What a network's chains are rewound to, under ``start``, seed and network; nothing where that is θ₀."""
    if rewind_to is None:
        return {}
    return {
        ("start", seed, network): Step(partial(train_start.submit, job, seed, network, rewind_to)) for seed in seeds
    }


def chain_steps(
    job: Job,
    method: str,
    seeds: Sequence[int],
    subsets: Sequence[str],
    rounds: Sequence[dict[str, Any]],
    duration: str,
    late: bool,
) -> dict[tuple[Any, ...], Step]:
    """Every round of every chain, each after the one before it; all chains advance together.

    Keys are method, seed, subset and number of the round; with late rewinding they come after ``start_steps``.
    """
    network = "imp_single" if method == "imp_single" else "rtl"
    return {
        (method, seed, subset, number): Step(
            partial(
                _round,
                partial(extract_round.submit, job, method, seed, subset, pruning_round, duration),
                number > 1,
            ),
            (
                *([(method, seed, subset, number - 1)] if number > 1 else []),
                *([("start", seed, network)] if late else []),
            ),
        )
        for number, pruning_round in enumerate(rounds, start=1)
        for seed in seeds
        for subset in subsets
    }


def level_ends(rounds: Sequence[dict[str, Any]]) -> dict[float, int]:
    """The number of the round at which each sparsity level is reached."""
    return {r["sparsity"]: r["number"] for r in rounds if r["sparsity"] is not None}


def _round(submit: Callable[..., Any], continues: bool, *done: Any) -> Any:
    previous, *start = done if continues else (None, *done)
    return submit(previous, *start)
