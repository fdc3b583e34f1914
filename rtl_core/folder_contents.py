"""What lies in a folder, but for what is hidden or a system's own: that is never data."""

import os
from collections.abc import Iterator
from pathlib import Path

SYSTEM = {
    "__macosx",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "icon\r",
    "@eadir",
    "#recycle",
    "@recycle",
    "$recycle.bin",
    "recycler",
    "system volume information",
    "lost+found",
}
"""What macOS, Windows, Linux and network drives leave in folders, in small letters."""


def is_data(name: str) -> bool:
    """Whether a file or folder of this name is a user's: not hidden by a dot, and not what a system left there."""
    return not name.startswith(".") and name.casefold() not in SYSTEM


def entries_in(folder: Path) -> list[Path]:
    """What a folder holds, in the order of names."""
    return sorted((path for path in folder.iterdir() if is_data(path.name)), key=lambda path: path.name)


def entries_below(folder: Path) -> Iterator[Path]:
    """What a folder and the folders in it hold at every depth; links to folders are told, not followed."""
    for top, folders, files in os.walk(folder):
        folders[:] = filter(is_data, folders)
        yield from (Path(top, name) for name in (*folders, *files) if is_data(name))
