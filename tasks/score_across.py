"""The step that tries every ticket on every subset's job."""

from typing import Any

from rtl_core.behaviour import behaviour
from rtl_core.construction import networks_of
from tasks.artefacts.store import Reference
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.jobs.ticket_sets import ticket_sets
from tasks.process.computing_time import spending


@cached_task(name="across subsets: {method}, seed {seed}, sparsity {sparsity}")
def score_across(job: Job, method: str, seed: int, sparsity: float, file: Reference) -> dict[str, Any]:
    """Scores of ticket i on subset j and agreement of tickets i and j, as lists of rows; nothing where senseless."""
    problem = load_problem(job)
    sets = ticket_sets(problem, method, [file])
    with spending("scoring"):
        across = behaviour(problem, networks_of(problem, sets, stream_of(job, seed)))
    if across is None:
        return {}
    place = {"method": method, "seed": seed, "sparsity": sparsity}
    return {**place, "subsets": list(problem.subsets), "metric": across.metric} | {
        "scores": across.scores.tolist(),
        "agreement": across.agreement.tolist(),
    }
