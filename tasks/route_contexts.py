"""The steps that find how well tickets do where the context is not known, and by what it is told."""

from typing import Any

from rtl_core.construction import networks_of
from rtl_core.problem import Score
from rtl_core.routing.routed import by_confidence, by_one_network, by_superposition, fitted
from tasks.artefacts.store import Reference
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.jobs.ticket_sets import ticket_sets
from tasks.process.computing_time import spending

Rows = list[dict[str, Any]]


@cached_task(name="unknown context: {method}, seed {seed}, sparsity {sparsity}")
def route_contexts(job: Job, method: str, seed: int, sparsity: float, file: Reference) -> dict[str, Any]:
    """The surest of the K tickets in a file, fitted on validation data and asked about all test examples.

    ``numbers`` are what was fitted, None where an output is not finite; ``scores`` are rows of results.csv, as
    ``score_method`` has them, and ``routing`` those of routing.csv.
    """
    problem, stream = load_problem(job), stream_of(job, seed)
    sets = ticket_sets(problem, method, [file])
    with spending("scoring"):
        networks = networks_of(problem, sets, stream)
        confidence = fitted(problem, networks)
        routed = by_confidence(problem, networks, confidence, stream) if confidence else None
    if confidence is None or routed is None:
        return {"numbers": None, "scores": [], "routing": []}
    place = _place(job, method, seed, sparsity)
    return {"numbers": confidence.numbers, **_rows(place, routed.scores, routed.rows)}


@cached_task(name="superposition: {method}, seed {seed}, sparsity {sparsity}")
def superpose_tickets(job: Job, method: str, seed: int, sparsity: float, file: Reference) -> dict[str, Any]:
    """What a superposition of the K tickets in a file tells of some test examples: ``routing`` as above."""
    problem, stream = load_problem(job), stream_of(job, seed)
    (tickets,) = sets = ticket_sets(problem, method, [file])
    with spending("scoring"):
        rows = by_superposition(problem, tickets, networks_of(problem, sets, stream), stream)
    return _rows(_place(job, method, seed, sparsity), [], rows)


@cached_task(name="told no context: {method}, seed {seed}, sparsity {sparsity}")
def ask_one_network(job: Job, method: str, seed: int, sparsity: float, file: Reference) -> dict[str, Any]:
    """What the one network in a file answers without being told the context: ``scores`` and ``routing`` as above."""
    problem, stream = load_problem(job), stream_of(job, seed)
    (network,) = networks_of(problem, ticket_sets(problem, method, [file]), stream)
    with spending("scoring"):
        routed = by_one_network(problem, network, stream)
    return _rows(_place(job, method, seed, sparsity), routed.scores, routed.rows)


def _place(job: Job, method: str, seed: int, sparsity: float) -> dict[str, Any]:
    instance = {"instance": job["instance"]} if job["instance"] else {}
    return {**instance, "method": method, "seed": seed, "sparsity": sparsity}


def _rows(place: dict[str, Any], scores: list[Score], routing: Rows) -> dict[str, Rows]:
    rows = [place | score._asdict() for score in scores]
    return {
        "scores": [{key: row[key] for key in row if key != "example"} for row in rows],
        "routing": [place | row for row in routing],
    }
