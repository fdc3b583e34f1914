"""Whether MLflow will take what is logged, asked within seconds; else one line on why not and what helps."""

import importlib
import os
import re
import sqlite3
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from rtl_core.errors import RtlError, one_line, reason_of
from tasks.process.outages import behind, refusal_of_files
from tasks.tracking.abandoned import close_abandoned
from tasks.tracking.client import DATABASE, database_file, open_client, tracking_uri, without_credentials

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
    answers: SimpleQueue[str | None] = SimpleQueue()
    if not tracking_uri().startswith("http"):  # making a database's tables may take long, and is not waited for in vain
        _ask(answers)
        return answers.get()
    importlib.import_module("mlflow.tracking")  # seconds that are not the server's
    Thread(target=_ask, args=(answers,), daemon=True).start()
    try:
        return answers.get(timeout=PATIENCE)
    except Empty:
        return f"{_named()} gives no answer within {PATIENCE:g} s; {_cure()}"


def why_refused(problem: BaseException) -> str:
    """One line on why something was not logged: what is wrong with MLflow now or else, of itself, what it refused."""
    return refusal_of_tracking() or one_line(f"{_named()} refused it ({_cut(reason_of(problem))})")


def _ask(answers: "SimpleQueue[str | None]") -> None:
    """Put the answer there, then tidy up: how long that takes, or whether it can be done, is no part of the answer."""
    try:
        client = open_client()
        client.search_experiments(max_results=1)
        if file := database_file(client.tracking_uri):
            _write_nothing(file)
    except Exception as problem:
        answers.put(_why_unusable(problem))
        return
    answers.put(None)
    with suppress(Exception):
        close_abandoned(client)


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
    """What a library says, without credentials and as long as may be."""
    shown = re.sub(r"//[^/\s]*@", "//", words.replace(tracking_uri(), without_credentials(tracking_uri())))
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"


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
    """MLflow's place, as people write it, without its credentials."""
    return f"MLflow at {without_credentials(tracking_uri())}"


def _of_version(found: str) -> str:
    mlflow = find_spec("mlflow")
    assert mlflow and mlflow.submodule_search_locations
    versions = Path(mlflow.submodule_search_locations[0], "store/db_migrations/versions")
    if any(versions.glob(f"{found}_*.py")):
        where = '"$MLFLOW_TRACKING_URI"' if os.environ.get("MLFLOW_TRACKING_URI") else tracking_uri()
        return f"has the tables of an older release; keep a copy, then: mlflow db upgrade {where}"
    return f"has the tables of a newer release ({found}); install that one, or {_other_place()}"


def _cure() -> str:
    files = database_file(tracking_uri())
    return f"{'move that file away' if files else 'see that it runs'}, or {_other_place()}"


def _other_place() -> str:
    return f"set MLFLOW_TRACKING_URI to another place, or leave it unset: {DATABASE} in this folder"
