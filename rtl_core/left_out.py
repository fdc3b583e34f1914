"""What a problem left out of its data or had to assume when it was partitioned, and why."""

import json
from collections.abc import Sequence
from pathlib import Path

LEFT_OUT = "left_out.json"
"""Where ``partition`` may say it, in its folder: a JSON list of lines."""


def write_left_out(folder: Path, lines: Sequence[str]) -> None:
    """Write the lines, if there are any."""
    if lines:
        (folder / LEFT_OUT).write_text(json.dumps(lines, indent=2, ensure_ascii=False) + "\n")
