"""What the first group of a regular expression finds in each of many names, in a time that is bounded."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence

from rtl_core.errors import DataError

MOST_SECONDS = 60
PROGRAM = """\
import json, re, sys
pattern, names = json.load(sys.stdin)
matches = map(re.compile(pattern).search, names)
json.dump([match and match[1] for match in matches], sys.stdout)
"""
"""Nothing but the end of its process stops an expression that tries one way after another: the package ``regex`` has a
time limit, but takes all memory to compile ``(a{40000000})``, which costs ``re`` nothing."""


def first_groups(pattern: str, names: Sequence[str], key: str) -> list[str | None]:
    """What the first group matches in each name, or None.

    Args:
        pattern: the regular expression.
        names: texts, each searched for the expression.
        key: what messages call the setting that the expression comes from.

    Raises:
        DataError: the pattern is none, has no group, or is not done after MOST_SECONDS.
    """
    try:
        groups = re.compile(pattern).groups
    except (re.error, OverflowError) as problem:
        raise DataError(f"{key}: {pattern!r} is not a regular expression ({problem})") from problem
    if not groups:
        raise DataError(f"{key}: found {pattern!r}; allowed: an expression with a group, such as '^(..)'")
    command = [sys.executable, "-I", "-S", "-c", PROGRAM]
    told = json.dumps([pattern, names]).encode()
    try:
        done = subprocess.run(command, input=told, stdout=subprocess.PIPE, timeout=MOST_SECONDS, check=True)
    except subprocess.TimeoutExpired:
        raise DataError(
            f"{key}: found {pattern!r}, which is not done with {len(names)} name(s) after {MOST_SECONDS} s; "
            "allowed: an expression without repetitions of repetitions, such as '^(..)'"
        ) from None
    first: list[str | None] = json.loads(done.stdout)
    return first
