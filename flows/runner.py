"""On which workers independent steps run side by side: threads of this process, or Dask's, here or elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from rtl_core.errors import RtlError
from tasks.process.cores import cores

FIRST_WORKER = 60
"""Seconds that a scheduler is given to answer, and the first of its workers to join."""


def threads() -> TaskRunner[PrefectFuture[Any]]:
    """One thread per core that this process may use; a step may take more where fewer steps are at hand."""
    return cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=cores()))


@contextmanager
def workers(runner: str) -> Iterator[None]:
    """Let the steps of the flow run under way, one that has ``threads``, run where ``runner`` says.

    Raises:
        RtlError: the scheduler does not answer, or has no worker.
    """
    if runner == "threads":
        yield
        return
    from prefect_dask.task_runners import DaskTaskRunner  # takes a second to import

    here = {
        "n_workers": cores(),
        "threads_per_worker": 1,
        "host": "127.0.0.1",
        "dashboard_address": None,
        "worker_dashboard_address": None,
    }
    where = {"cluster_kwargs": here} if runner == "dask" else {"address": runner}
    with DaskTaskRunner(**where) as dask:
        try:
            dask.client.wait_for_workers(1, timeout=FIRST_WORKER)
        except (OSError, TimeoutError) as problem:
            raise RtlError(
                f"runner: no worker at {runner} after {FIRST_WORKER} s ({problem}); start one: dask worker {runner}"
            ) from None
        run = FlowRunContext.get()
        assert run is not None, "workers() belongs inside a flow"
        with run.model_copy(update={"task_runner": dask}):
            yield


def places() -> int:
    """How many steps can run side by side now."""
    run = FlowRunContext.get()
    client = getattr(run and run.task_runner, "client", None)
    return cores() if client is None else max(1, sum(client.nthreads().values()))
