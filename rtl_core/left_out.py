"""What a problem left out of its data or had to assume when it was partitioned, and why."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

LEFT_OUT = "left_out.json"
"""Where ``partition`` may say it, in its folder: a JSON list of lines."""


def several(names: Sequence[str]) -> str:
    """The first of some names, and how many there are beside it."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def of_other_kinds(names: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """A line for each suffix among files, by name, whose suffix is not one that is read."""
    kinds = defaultdict(list)
    for name in names:
        kinds[Path(name).suffix.lower()].append(name)
    told = ", ".join(allowed)
    return [f"{several(own)}: found the suffix {kind!r}; allowed: {told}" for kind, own in sorted(kinds.items())]


def write_left_out(folder: Path, lines: Sequence[str]) -> None:
    """Write the lines, if there are any."""
    if lines:
        (folder / LEFT_OUT).write_text(json.dumps(lines, indent=2, ensure_ascii=False) + "\n")
