"""What is wrong with Prefect's database, in one line that says what to do."""

import os
import re
import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

DATABASE = "prefect.db"
"""In Prefect's folder, where no other is set; its server makes the tables that are missing."""
URL = "PREFECT_API_DATABASE_CONNECTION_URL"


def refusal_of_database(home: Path) -> str | None:
    """One line where the database in Prefect's folder cannot be used; None where it can, or is another's."""
    path = home / DATABASE
    if URL in os.environ or not path.is_file():
        return None
    files = [path, *home.glob(f"{DATABASE}-*")]
    if not (os.access(home, os.W_OK) and all(os.access(file, os.R_OK | os.W_OK) for file in files)):
        return (
            f"{path}: Prefect's database is another user's, who alone may write there; make it and its folder yours to "
            "read and write, or set PREFECT_HOME to a folder of your own"
        )
    if why := _unusable(path):
        return f"{path}: Prefect's database {why}"
    return None


def _unusable(path: Path) -> str | None:
    cure = f"; delete {path}, and its -wal and -shm files: they hold the history of runs, and no result"
    try:
        with closing(sqlite3.connect(path, timeout=1)) as database:
            ((state,),) = database.execute("pragma quick_check(1)")
            if state != "ok":
                return f"is damaged ({' '.join(str(state).split())}){cure}"
            revisions = [name for (name,) in database.execute("select version_num from alembic_version")]
    except sqlite3.DatabaseError as problem:
        words = str(problem)
        if "locked" in words or "no such table" in words:  # one that is in use, or has no tables yet
            return None
        damaged = "malformed" in words or "not a database" in words
        return f"is damaged ({words}){cure}" if damaged else f"cannot be used (SQLite says: {words})"
    unknown = [name for name in revisions if name not in _known_revisions()]
    return f"was made by another release of Prefect (its revision is {unknown[0]}){cure}" if unknown else None


def _known_revisions() -> set[str]:
    """The states of a database that the installed release can bring to its own."""
    found = find_spec("prefect")
    assert found and found.submodule_search_locations
    folder = Path(found.submodule_search_locations[0], "server/database/_migrations/versions/sqlite")
    return {name for path in folder.glob("*.py") for name in re.findall(r'^revision = "(\w+)"', path.read_text(), re.M)}
