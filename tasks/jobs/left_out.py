"""What the partition stage left out of a problem's data or had to assume, and why."""

import json

from rtl_core.errors import DataError, one_line
from rtl_core.left_out import LEFT_OUT
from tasks.artefacts import paths
from tasks.artefacts.paths import JobName


def read_left_out(problem: str) -> list[str]:
    """The lines that ``partition`` wrote, one for each thing that it left out or assumed.

    Raises:
        DataError: the file is no list of lines.
    """
    path = paths.data(JobName(problem)) / LEFT_OUT
    if not path.is_file():
        return []
    try:
        lines = json.loads(path.read_bytes())
    except ValueError as error:
        raise DataError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise DataError(f"{path}: found {lines!r}; allowed: a list of lines of text")
    return [one_line(line) for line in lines]
