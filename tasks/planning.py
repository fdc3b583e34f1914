"""How many rounds a chain has and what each prunes, for the network that a problem trains."""

from dataclasses import asdict
from typing import Any

from rtl_core.extraction import initial_weights
from rtl_core.pruning import plan_rounds
from tasks.job import Job, load_problem, stream_of
from tasks.settings import ProblemSettings


def planned_rounds(job: Job, settings: ProblemSettings, single: bool = False) -> list[dict[str, Any]]:
    """The rounds of one chain as JSON: those of a ticket, or of IMP single, whose network may differ.

    Raises:
        SettingsError: a level cannot be reached.
    """
    weights = initial_weights(load_problem(job), stream_of(job, settings.seeds[0]), single)
    extract = settings.extract
    rounds = plan_rounds(weights.layout.size, settings.sparsities, extract.weights_per_round, extract.rewind_every)
    return [asdict(pruning_round) for pruning_round in rounds]
