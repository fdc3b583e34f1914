"""In which order the rounds of independent chains are started."""

from collections.abc import Sequence
from typing import Any

from flows.progress import results_of
from tasks.extract_round import extract_round
from tasks.job import Job


def run_chains(
    job: Job,
    method: str,
    seeds: Sequence[int],
    subsets: Sequence[str],
    rounds: Sequence[dict[str, Any]],
    duration: str,
) -> dict[tuple[int, float], list[dict[str, str]]]:
    """Run every chain through every round; references of the chains, in the order of the subsets, by
    (seed, sparsity level).

    Round 1 of all chains is queued before round 2 of any, so that no worker waits for a step that stands
    behind its own in the queue.
    """
    futures: dict[tuple[int, str, int], Any] = {}
    for pruning_round in rounds:
        number = pruning_round["number"]
        for seed in seeds:
            for subset in subsets:
                futures[seed, subset, number] = extract_round.submit(
                    job,
                    method,
                    seed,
                    subset,
                    pruning_round,
                    duration,
                    futures.get((seed, subset, number - 1)),
                )
    chains = results_of(futures, f"{method}: pruning rounds")
    return {
        (seed, pruning_round["sparsity"]): [chains[seed, subset, pruning_round["number"]] for subset in subsets]
        for seed in seeds
        for pruning_round in rounds
        if pruning_round["sparsity"] is not None
    }
