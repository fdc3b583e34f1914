"""Which chains of pruning rounds there are, and what each is trained on."""

from rtl_core.problem import Objective, Problem
from rtl_core.randomness import Stream

CHAIN_CONTROLS = {"same_subset": "order", "random_partition": "part"}
"""Controls with chains of their own, and what each chain is: another data order, or another part of the data."""


def chains_of(problem: Problem, control: str = "", control_chains: int | None = None) -> list[str]:
    """The names of chains: one a subset or, of a control, as many, if not told."""
    if not control:
        return list(problem.subsets)
    count = min(control_chains or len(problem.subsets), len(problem.subsets))
    return [f"{CHAIN_CONTROLS[control]} {number}" for number in range(1, count + 1)]


def objective_of(problem: Problem, method: str, chain: str, stream: Stream) -> Objective:
    """What one chain is trained on.

    Args:
        problem: whose subsets they are.
        method: whose chains they are: a control's, or those of any method that has one a subset.
        chain: its name.
        stream: of one seed of the problem.
    """
    control = method if method in CHAIN_CONTROLS else ""
    if control == "same_subset":
        return problem.objectives[0]
    if control == "random_partition":
        problem = problem.random_partition(stream.at(draw="random partition").generator())
    return problem.objectives[chains_of(problem, control).index(chain)]
