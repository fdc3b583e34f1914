"""The step that scores one method at one seed and level, counts what it stores and looks for doubts."""

from typing import Any

from torch import nn

from rtl_core.construction import initial_weights, new_network
from rtl_core.doubts import layers_without_weights, losses_not_fallen
from rtl_core.errors import DataError
from rtl_core.problem import Problem, Score
from rtl_core.randomness import Stream
from rtl_core.scoring import complete_scores
from rtl_core.ticket_file import tickets_from_bytes
from rtl_core.tickets import Tickets, parameter_ledger
from tasks.artefacts.store import STORE
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job, instance_of, load_problem, stream_of
from tasks.process.computing_time import computing
from tasks.settings.methods import SINGLE_METHODS
from tasks.tables.examples import examples_file


@cached_task(
    name="score {method}, seed {seed}, sparsity {sparsity}",
    uses=(
        "rtl_core.construction",
        "rtl_core.doubts",
        "rtl_core.evaluation",
        "rtl_core.scoring",
        "rtl_core.ticket_file",
        "rtl_core.tickets",
        "tasks.tables.examples",
    ),
    version="5",
)
def score_method(job: Job, method: str, seed: int, sparsity: float, files: list[dict[str, str]]) -> dict[str, Any]:
    """Scores, parameter ledger and doubts of one method, from its ticket files: one, or K that share nothing.

    Each row says where it belongs: ``method``, ``seed``, ``sparsity`` and, where there are several, ``instance``.
    ``doubts`` holds the names of all ``tickets``, by ticket the ``empty_layers`` and, where it did not fall, the loss
    before and after training (``losses``).
    ``examples`` refers to the file of those that are of single test examples; it is None where there are none.
    """
    contents = [STORE.get(file["sha256"]) for file in files]
    sets = [tickets_from_bytes(data, file["path"]) for data, file in zip(contents, files, strict=True)]
    problem = load_problem(job)
    check_subsets(problem, method, sets)
    with computing():
        stream = stream_of(job, seed)
        scores = complete_scores(score(problem, method, sets, stream), problem.subsets)
        found = doubts(problem, method, sets, stream)
    instance = {"instance": name} if (name := instance_of(job)) else {}
    place = {**instance, "method": method, "seed": seed, "sparsity": sparsity}
    ledger = parameter_ledger(sets) | {"file_bytes": sum(map(len, contents))}
    rows = [place | s._asdict() for s in scores]
    of_examples = [row for row in rows if row["example"]]
    return {
        "scores": [{key: row[key] for key in row if key != "example"} for row in rows if not row["example"]],
        "examples": {"sha256": STORE.put(examples_file(of_examples))} if of_examples else None,
        "parameters": place | ledger,
        "doubts": place | found,
    }


def score(problem: Problem, method: str, sets: list[Tickets], stream: Stream) -> list[Score]:
    """Scores of the networks in one or several sets of tickets, of one seed of the problem."""
    if method in SINGLE_METHODS:
        return problem.score_single(single_network_of(problem, sets[0], stream))
    return problem.score(networks_of(problem, sets, stream))


def doubts(problem: Problem, method: str, sets: list[Tickets], stream: Stream) -> dict[str, Any]:
    """What speaks against the tickets in one or several sets, as JSON; ``stream`` is the root of their seed's draws."""
    single = method in SINGLE_METHODS
    objectives = {one.name: one for one in ([problem.single_objective] if single else problem.objectives)}
    initial, place = initial_weights(problem, stream, single), stream.at(draw="doubts")
    empty, losses = {}, {}
    for one in sets:
        empty |= layers_without_weights(one)
        own = [objectives[name] for name in one.subsets]
        losses |= losses_not_fallen(one, own, initial, place)
    tickets = [name for one in sets for name in one.subsets]
    return {"tickets": tickets, "empty_layers": empty, "losses": {name: [*both] for name, both in losses.items()}}


def single_network_of(problem: Problem, tickets: Tickets, stream: Stream) -> nn.Module:
    """The network that serves every subset, in evaluation mode."""
    return tickets.network(0, new_network(problem, stream, single=True))


def networks_of(problem: Problem, sets: list[Tickets], stream: Stream) -> list[nn.Module]:
    """The networks of all tickets, in evaluation mode; each is built as it was for training, before it is filled."""
    return [s.network(k, new_network(problem, stream)) for s in sets for k in range(len(s.subsets))]


def check_subsets(problem: Problem, method: str, sets: list[Tickets]) -> None:
    """Check that ticket files are those of a problem's subsets, in their order.

    Raises:
        DataError: one is missing, or they are another problem's.
    """
    found = tuple(name for one in sets for name in one.subsets)
    expected = (problem.single_objective.name,) if method in SINGLE_METHODS else problem.subsets
    if found != expected:
        raise DataError(f"{method}: ticket files of {', '.join(found)}; expected {', '.join(expected)}")
