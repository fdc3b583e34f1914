"""How a process makes sure that Prefect's database holds the end of every task run before it exits.

Task runs report their states as events that the server records later, in batches. A server that stops with
the process forgets what it has not recorded: 178 of 200 short runs, as Prefect 3.8.8 comes.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterId
from prefect.context import refresh_global_settings_context
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.settings import get_current_settings, temporary_settings

from rtl_core.errors import RtlError
from tasks.caching.cached_task import started_runs
from tasks.process.outages import refusal
from tasks.server.abandoned import close_abandoned
from tasks.server.temporary_server import SHORTLY, started_server

PAGE = 200  # the most that the server returns at once
LONGEST_WAIT = 30.0
"""Seconds for what ended to be written."""


@contextmanager
def all_runs_final() -> Iterator[None]:
    """Run flows inside: at the end every task run that ended is so in the database.

    Runs that killed processes of this project left open are closed first.

    Without an API URL of the user's own, the server lives exactly as long as the context. A user's own server
    outlives the process: what it is told is sent, and no record waited for; nor is it where the disk refuses what
    would be recorded.

    It waits for ``LONGEST_WAIT`` at the end; one line on stderr says how many runs are still missing then.

    Raises:
        RtlError: the server did not start, or the user's own does not answer.
    """
    if get_current_settings().api.url is not None:
        require_own_server()
        close_abandoned()
        yield
        _send_all()
        return
    server, refused = started_server(), None
    try:
        try:
            server.wait_until_ready()
        except RuntimeError as problem:
            raise RtlError(str(problem)) from None
        _use_server(server.api_url)
        close_abandoned()
        try:
            # At its end every flow run waits up to a second for its heartbeat, which nobody would hear here.
            with temporary_settings({"flows.heartbeat_frequency": None}):
                yield
        except Exception as problem:
            refused = refusal(problem)
            raise
        finally:
            if not refused:
                _record_all()
            started_runs.clear()
    finally:
        _use_server(None)
        server.stop(SHORTLY) if refused else server.stop()


def require_own_server() -> None:
    """Return where it answers.

    Raises:
        RtlError: it does not.
    """
    with get_client(sync_client=True) as client:
        if problem := client.api_healthcheck():
            why = " ".join(str(problem).split())
            raise RtlError(
                f"{get_current_settings().api.url}: no Prefect server answers ({why}); start one (rtl ui), or for a "
                "run without it unset PREFECT_API_URL"
            )


def _send_all() -> None:
    EventsWorker.drain_all(timeout=LONGEST_WAIT)
    APILogWorker.drain_all(timeout=LONGEST_WAIT)


def _record_all() -> None:
    _send_all()
    if missing := _not_recorded(started_runs):
        print(
            f"warning: after {LONGEST_WAIT:g} s Prefect has not recorded the end of {len(missing)} of "
            f"{len(started_runs)} task runs; their results are kept",
            file=sys.stderr,
        )


def _use_server(api_url: str | None) -> None:
    if api_url is None:
        os.environ.pop("PREFECT_API_URL", None)
    else:
        os.environ["PREFECT_API_URL"] = api_url
    refresh_global_settings_context()


def _not_recorded(started: set[UUID]) -> set[UUID]:
    missing = set(started)
    deadline = time.monotonic() + LONGEST_WAIT
    with get_client(sync_client=True) as client:
        while missing:
            page = TaskRunFilter(id=TaskRunFilterId(any_=list(islice(missing, PAGE))))
            runs = client.read_task_runs(task_run_filter=page, limit=PAGE)
            final = {run.id for run in runs if run.state is not None and run.state.is_final()}
            missing -= final
            if missing and not final:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.1)
    return missing
