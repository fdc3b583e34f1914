"""How files of MLflow's runs are found again where a project was moved or copied: beside its database."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

ARTIFACTS = Path("mlartifacts")
PLACES = {
    "experiments": "artifact_location",
    "runs": "artifact_uri",
    "logged_models": "artifact_location",
    "model_versions": "storage_location",
}
"""Where MLflow's database has an absolute path: the column of each table."""


def artifact_location(folder: Path, problem: str) -> str:
    """Where the files of a problem's runs are, by the folder of the database."""
    return (folder / ARTIFACTS / problem).resolve().as_uri()


def bring_along(database: Path) -> None:
    """Let a database name the folder that it lies in now, where ``artifact_location`` was made in another.

    MLflow keeps absolute paths: without this, new runs would write where the project was. What names this very folder
    by another path, as of a second mount, stays.
    """
    with closing(sqlite3.connect(database)) as connection, connection:
        for name, old in connection.execute("select name, artifact_location from experiments").fetchall():
            new = artifact_location(database.parent, name)
            ours = old and old.startswith("file:") and old.endswith(f"/{ARTIFACTS}/{quote(name)}")
            if ours and not _is_here(old.removesuffix(f"/{ARTIFACTS}/{quote(name)}"), database.parent):
                for table, column in PLACES.items():
                    connection.execute(
                        f"update {table} set {column} = ? || substr({column}, ?) "
                        f"where {column} = ? or substr({column}, 1, ?) = ?",
                        (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
                    )


def _is_here(uri: str, folder: Path) -> bool:
    with suppress(OSError):
        return Path(url2pathname(urlsplit(uri).path)).samefile(folder)
    return False
