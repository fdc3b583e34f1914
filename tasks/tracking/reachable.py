"""Whether MLflow will take what is logged, asked within seconds; else one line on why not and what helps."""

import importlib
import re
import sqlite3
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from rtl_core.errors import RtlError, one_line, reason_of
from tasks.process.outages import behind, refusal_of_files
from tasks.tracking.abandoned import close_abandoned
from tasks.tracking.client import DATABASE, SQLITE, open_client, tracking_uri

PATIENCE = 15.0
"""Seconds in which a server is to answer."""
LONGEST = 200
"""Characters of what a library says, in a line."""


class UnreachableError(RtlError):
    """MLflow does not take what would be logged."""


def require_tracking() -> None:
    """Return where MLflow takes what is logged; what killed processes of this project left open there is closed.

    Raises:
        UnreachableError: it does not.
    """
    if why := refusal_of_tracking():
        raise UnreachableError(why)


def refusal_of_tracking() -> str | None:
    """One line where MLflow does not take what would be logged; None where it does, as ``require_tracking`` says."""
    if tracking_uri().startswith(SQLITE):  # making its tables may take long, and is not waited for in vain
        return _asked()
    importlib.import_module("mlflow.tracking")  # seconds that are not the server's
    answers: SimpleQueue[str | None] = SimpleQueue()
    Thread(target=lambda: answers.put(_asked()), daemon=True).start()
    try:
        return answers.get(timeout=PATIENCE)
    except Empty:
        return f"{_named()} gives no answer within {PATIENCE:g} s; {_cure()}"


def why_refused(problem: BaseException) -> str:
    """One line on why something was not logged: what is wrong with MLflow now or else, of itself, what it refused."""
    return refusal_of_tracking() or one_line(f"{_named()} refused it ({_cut(reason_of(problem))})")


def _asked() -> str | None:
    try:
        client = open_client()
        client.search_experiments(max_results=1)
        if client.tracking_uri.startswith(SQLITE):
            _write_nothing(Path(client.tracking_uri.removeprefix(SQLITE)))
        close_abandoned(client)
    except Exception as problem:
        return _why_unusable(problem)
    return None


def _why_unusable(problem: BaseException) -> str:
    text = str(problem)
    if known := re.search(r"found version (\w+), but expected \w+", text):
        return f"{_named()} {_of_version(known[1])}"
    if missing := next((each for each in behind(problem) if isinstance(each, ModuleNotFoundError)), None):
        return f"{_named()} needs the Python module {missing.name}; install it, or {_other_place()}"
    if line := refusal_of_files(problem):
        return f"{_named()}: {line}"
    said = [" ".join(str(each).split()) for each in behind(problem)]
    first = next((words for words in reversed(said) if " " in words), text)
    return one_line(f"{_named()} cannot be used ({_cut(first)}); {_cure()}")


def _cut(words: str) -> str:
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}…"


def _write_nothing(database: Path) -> None:
    """Begin to write, as on a disk that is full or read-only nobody can."""
    with closing(sqlite3.connect(database, timeout=1)) as connection:
        try:
            connection.execute("update alembic_version set version_num = version_num")
            connection.rollback()
        except sqlite3.OperationalError as problem:
            if "locked" not in str(problem):  # by one that writes
                raise


def _named() -> str:
    """MLflow's place, as people write it, without a password."""
    uri = tracking_uri()
    with suppress(ArgumentError):
        uri = make_url(uri).render_as_string(hide_password=True)
    return f"MLflow at {uri}"


def _of_version(found: str) -> str:
    mlflow = find_spec("mlflow")
    assert mlflow and mlflow.submodule_search_locations
    versions = Path(mlflow.submodule_search_locations[0], "store/db_migrations/versions")
    if any(versions.glob(f"{found}_*.py")):
        return f"has the tables of an older release; keep a copy, then: mlflow db upgrade {tracking_uri()}"
    return f"has the tables of a newer release ({found}); install that one, or {_other_place()}"


def _cure() -> str:
    files = tracking_uri().startswith(SQLITE)
    return f"{'move that file away' if files else 'see that it runs'}, or {_other_place()}"


def _other_place() -> str:
    return f"set MLFLOW_TRACKING_URI to another place, or leave it unset: {DATABASE} in this folder"
