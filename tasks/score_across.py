"""The step that tries every ticket on every subset's job."""

from typing import Any

from rtl_core.behaviour import behaviour
from rtl_core.ticket_file import tickets_from_bytes
from tasks.artefacts.store import STORE
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.process.computing_time import computing
from tasks.score_method import check_subsets, networks_of


@cached_task(
    name="across subsets: {method}, seed {seed}, sparsity {sparsity}",
    uses=("rtl_core.behaviour", "rtl_core.construction", "rtl_core.ticket_file", "rtl_core.tickets"),
    version="2",
)
def score_across(job: Job, method: str, seed: int, sparsity: float, file: dict[str, str]) -> dict[str, Any]:
    """Scores of ticket i on subset j and agreement of tickets i and j, as lists of rows; nothing where senseless."""
    tickets = tickets_from_bytes(STORE.get(file["sha256"]), file["path"])
    problem = load_problem(job)
    check_subsets(problem, method, [tickets])
    with computing():
        found = behaviour(problem, networks_of(problem, [tickets], stream_of(job, seed)))
    if found is None:
        return {}
    place = {"method": method, "seed": seed, "sparsity": sparsity}
    return {**place, "subsets": list(tickets.subsets), "metric": found.metric} | {
        "scores": found.scores.tolist(),
        "agreement": found.agreement.tolist(),
    }
