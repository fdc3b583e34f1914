"""The step that scores one method at one seed and level, counts what it stores and looks for doubts."""

from collections.abc import Sequence
from typing import Any

from rtl_core.construction import initial_weights, networks_of
from rtl_core.doubts import layers_without_weights, losses_not_fallen
from rtl_core.one_network import scored_subsets
from rtl_core.problem import Problem
from rtl_core.randomness import Stream
from rtl_core.scoring import complete_scores
from rtl_core.tickets import Tickets, parameter_ledger
from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.jobs.ticket_sets import ticket_sets
from tasks.process.computing_time import spending
from tasks.tables.examples import examples_file


@cached_task(name="score {method}, seed {seed}, sparsity {sparsity}")
def score_method(job: Job, method: str, seed: int, sparsity: float, files: list[Reference]) -> dict[str, Any]:
    """Scores, parameter ledger and doubts of one method, from its ticket files: one, or K that share nothing.

    Each row says where it belongs: ``method``, ``seed``, ``sparsity`` and, where there are several, ``instance``.
    ``doubts`` holds the names of all ``tickets``, by ticket the ``empty_layers`` and, where it did not fall, the loss
    before and after training (``losses``).
    ``examples`` refers to the file of those that are of single test examples; it is None where there are none.
    """
    problem, stream = load_problem(job), stream_of(job, seed)
    sets = ticket_sets(problem, method, files)
    with spending("scoring"):
        scores = complete_scores(problem.score(networks_of(problem, sets, stream)), scored_subsets(problem))
        doubts = doubts_of(problem, sets, stream)
    instance = {"instance": job["instance"]} if job["instance"] else {}
    place = {**instance, "method": method, "seed": seed, "sparsity": sparsity}
    ledger = parameter_ledger(sets) | {"file_bytes": sum(len(STORE.get(file["sha256"])) for file in files)}
    rows = [place | score._asdict() for score in scores]
    of_examples = [row for row in rows if row["example"]]
    return {
        "scores": [{key: row[key] for key in row if key != "example"} for row in rows if not row["example"]],
        "examples": {"sha256": STORE.put(examples_file(of_examples))} if of_examples else None,
        "parameters": place | ledger,
        "doubts": place | doubts,
    }


def doubts_of(problem: Problem, sets: Sequence[Tickets], stream: Stream) -> dict[str, Any]:
    """What speaks against the tickets in one or several sets, as JSON; ``stream`` is the root of their seed's draws."""
    objectives = {objective.name: objective for objective in problem.objectives}
    initial, place = initial_weights(problem, stream), stream.at(draw="doubts")
    empty: dict[str, list[str]] = {}
    losses: dict[str, tuple[float, float]] = {}
    for one in sets:
        empty |= layers_without_weights(one)
        own = [objectives[name] for name in one.subsets]
        losses |= losses_not_fallen(one, own, initial, place)
    tickets = [name for one in sets for name in one.subsets]
    return {"tickets": tickets, "empty_layers": empty, "losses": {name: [*both] for name, both in losses.items()}}
