"""How many rounds a chain has, what each prunes, and which sparsity each reaches."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rtl_core.construction import initial_weights
from rtl_core.pruning import plan_rounds
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.settings.sections import ProblemSettings

Rounds = Sequence[dict[str, Any]]


def planned_rounds(job: Job, settings: ProblemSettings) -> Rounds:
    """The rounds of one chain as JSON.

    Raises:
        SettingsError: a level cannot be reached.
    """
    weights = initial_weights(load_problem(job), stream_of(job, settings.seeds[0]))
    extract = settings.extract
    rounds = plan_rounds(weights.layout.size, settings.sparsities, extract.weights_per_round, extract.rewind_every)
    return [asdict(pruning_round) for pruning_round in rounds]


def reached(rounds: Rounds) -> list[float]:
    """The sparsity after each round: a level as params.yaml has it, or else the share of weights at zero."""
    prunable = rounds[0]["count"] + rounds[0]["remaining"]
    return [r["sparsity"] or round(1 - r["remaining"] / prunable, 6) for r in rounds]
