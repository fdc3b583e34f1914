"""What speaks against a comparison, where people see it: a line each on stderr."""

import sys

from tasks.artefacts import paths
from tasks.tables.published import doubt_lines, read_tables


def show_doubts(problem: str) -> None:
    """Say what speaks against the last comparison."""
    for line in doubt_lines(read_tables(paths.tables(problem), ["doubts"])):
        print(f"warning: {problem}: {line}", file=sys.stderr)
