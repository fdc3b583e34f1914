"""The step that lets a ticket file say how it is used, what it is and how good it was."""

from typing import Any

from rtl_core.describing import described
from rtl_core.problem import Score
from rtl_core.ticket_file import tickets_from_bytes, tickets_to_bytes
from tasks.artefacts.store import STORE, Reference, called
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job, load_problem


@cached_task(name="description of {method}, seed {seed}, sparsity {sparsity}")
def describe_tickets(
    job: Job,
    method: str,
    seed: int,
    sparsity: float,
    file: Reference,
    scores: list[dict[str, Any]],
    code: str,
    routing: dict[str, Any] | None,
) -> Reference:
    """Reference of a ticket file that says all about itself.

    Args:
        job: as the comparison sees it; for a method with one network, ``with_one_network``.
        method: whose tickets they are.
        seed: of every draw.
        sparsity: of the masks.
        file: as training left it.
        scores: of the method, as ``score_method`` returns them.
        code: digest of the source behind the tickets.
        routing: numbers by which the context is told where it is unknown, as ``route_contexts`` returns them.
    """
    tickets = tickets_from_bytes(STORE.get(file["sha256"]), called(file))
    rows = [Score(**{field: row[field] for field in Score._fields if field in row}) for row in scores]
    whole = described(tickets, load_problem(job), method, sparsity, seed, rows, code, routing)
    return {"sha256": STORE.put(tickets_to_bytes(whole))}
