"""How runs of one problem in one folder come after one another, whoever starts them."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from tasks.artefacts.folder_lock import problem_lock

P = ParamSpec("P")


def taking_turns(function: Callable[Concatenate[str, P], None]) -> Callable[Concatenate[str, P], None]:
    """Let a function of a problem wait until no other process works on that problem here."""

    @wraps(function)
    def in_turn(problem: str, *args: P.args, **kwargs: P.kwargs) -> None:
        with problem_lock(problem):
            function(problem, *args, **kwargs)

    return in_turn  # type: ignore[return-value]
