"""How results leave the store for the folders that DVC versions, and come back into it."""

from collections.abc import Mapping
from pathlib import Path

from rtl_core.errors import DataError
from tasks.artefacts.store import STORE, Reference


def publish_files(folder: Path, files: Mapping[Path, Reference]) -> None:
    """Publish artefacts below a folder, and remove what an earlier run left there beside them.

    Raises:
        DataError: a path leads out of the folder.
    """
    for path in files:
        _check_below(folder, path)
    folder.mkdir(parents=True, exist_ok=True)
    for path, reference in files.items():
        STORE.copy(reference["sha256"], path)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path not in files:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _check_below(folder: Path, path: Path) -> None:
    if ".." in path.parts or folder not in path.parents:
        raise DataError(f"{path}: found a name that leads out of {folder}; allowed: files below it")


def collect(path: Path) -> Reference:
    """Take a published file into the store; its artefact reference, with the path for messages.

    Raises:
        DataError: the file is missing.
    """
    if not path.is_file():
        raise DataError(f"{path}: not found; run the stage that publishes it first")
    return {"sha256": STORE.put_file(path), "path": str(path)}
