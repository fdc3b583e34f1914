"""How runs of one problem in one folder come after one another, and end when told, whoever starts them."""

import signal
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from prefect.exceptions import TerminationSignal

from flows.kept_steps import kept_steps_listed
from tasks.artefacts.folder_lock import problem_lock
from tasks.process.interruption import GOES_ON, end

P = ParamSpec("P")


def taking_turns(function: Callable[Concatenate[str, P], None]) -> Callable[Concatenate[str, P], None]:
    """Let a function of a problem wait until no other process works on that problem here.

    Cancelled in Prefect's page, its process ends once MLflow is told: Prefect would wait half a minute for steps at
    work, then kill it.
    """

    @wraps(function)
    def in_turn(problem: str, *args: P.args, **kwargs: P.kwargs) -> None:
        with problem_lock(problem):
            try:
                with kept_steps_listed():
                    function(problem, *args, **kwargs)
            except TerminationSignal:
                end(128 + signal.SIGTERM, f"interrupted; {GOES_ON}")

    return in_turn  # type: ignore[return-value]
