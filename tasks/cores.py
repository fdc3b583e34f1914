"""How many processor cores there are to compute on, and how many of them one step may take."""

import os

_side_by_side = 1


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def share_among(steps: int) -> None:
    """Say how many steps can compute side by side from now on."""
    global _side_by_side
    _side_by_side = max(1, steps)


def threads_for_one() -> int:
    """How many threads a step may take: more than one where fewer steps than cores are at hand."""
    return max(1, cores() // _side_by_side)
