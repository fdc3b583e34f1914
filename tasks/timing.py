"""What share of a stage is training and scoring, and what share is everything around it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tasks import paths
from tasks.store import write_atomically

_intervals: list[tuple[float, float]] = []
_ends: list[float] = []


@contextmanager
def computing() -> Iterator[None]:
    """Count the time inside as training or scoring, in whatever thread."""
    start = time.time()
    try:
        yield
    finally:
        _intervals.append((start, time.time()))


def covered(intervals: list[tuple[float, float]]) -> float:
    """Length of the union of intervals: seconds in which at least one was open."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def record_stage(problem: str, stage: str) -> None:
    """Keep the times of one stage: from the start of the process, or the end of the stage before, until now.

    The file holds epoch seconds, and the seconds of computing in between.
    """
    start = _ends[-1] if _ends else psutil.Process().create_time()
    _ends.append(time.time())
    times = {"start": start, "end": _ends[-1], "computing": covered(_intervals)}
    _intervals.clear()
    write_atomically(paths.timing(problem, stage), json.dumps(times).encode())
