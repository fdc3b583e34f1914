"""How runs of one problem in one folder come after one another, and end when told, whoever starts them."""

import signal
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from prefect.context import FlowRunContext
from prefect.exceptions import TerminationSignal

from flows.kept_steps import kept_steps_listed
from tasks.artefacts.dvc_lock import kept_from_dvc
from tasks.artefacts.folder_lock import problem_lock
from tasks.artefacts.under_way import under_way
from tasks.process.interruption import GOES_ON, end
from tasks.server.abandoned import recorded_in

P = ParamSpec("P")


def taking_turns(function: Callable[Concatenate[str, P], None]) -> Callable[Concatenate[str, P], None]:
    """Let a function of a problem wait until no other process works on that problem here.

    Cancelled in Prefect's page, its process ends once MLflow is told: Prefect would wait half a minute for steps at
    work, then kill it.
    """

    @wraps(function)
    def in_turn(problem: str, *args: P.args, **kwargs: P.kwargs) -> None:
        run = FlowRunContext.get()
        assert run is not None and run.flow_run is not None, "what takes turns is a flow"
        with kept_from_dvc(problem), problem_lock(problem), under_way(str(run.flow_run.id), recorded_in()):
            try:
                with kept_steps_listed():
                    function(problem, *args, **kwargs)
            except TerminationSignal:
                end(128 + signal.SIGTERM, f"interrupted; {GOES_ON}")

    return in_turn  # type: ignore[return-value]
