"""Where the source data lie that a setting names."""

import os
from pathlib import Path

from rtl_core.errors import DataError


def source_path(name: str, key: str) -> Path:
    """The path that a setting ``key`` gives, with the environment's variables put in.

    Raises:
        DataError: a variable is not set.
    """
    full = os.path.expandvars(os.path.expanduser(name))
    if "$" in full:
        raise DataError(f"{key} has {name!r}, but that environment variable is not set")
    return Path(full)
