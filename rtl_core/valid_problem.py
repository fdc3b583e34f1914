"""Whether tickets can be found for a problem as it stands."""

from rtl_core.errors import DataError
from rtl_core.problem import Problem


def check_problem(problem: Problem) -> None:
    """Check that a problem's subsets can be told apart and that each can be trained on.

    Raises:
        DataError: fewer than two subsets, a name that is twice there, reserved or not printable, objectives that are
            not the subsets', or a subset without a batch.
    """
    names = problem.subsets
    if len(names) < 2:
        raise DataError(f"found {len(names)} subset(s); tickets need at least two")
    if len(set(names)) < len(names) or {"mean", problem.single_objective.name} & {*names}:
        taken = f"'mean' or {problem.single_objective.name!r}"
        raise DataError(f"subset names must differ, and none may be {taken}; found {', '.join(names)}")
    if unprintable := [name for name in names if not name.isprintable()]:
        raise DataError(f"found the subset name {unprintable[0][:40]!r}; allowed: printable text")
    objectives = [objective.name for objective in problem.objectives]
    if objectives != list(names):
        raise DataError(
            f"objectives are called {', '.join(objectives)}; allowed: one a subset, in order: {', '.join(names)}"
        )
    for objective in (*problem.objectives, problem.single_objective):
        if objective.batches_per_epoch < 1:
            raise DataError(f"objective {objective.name} has no batch")
