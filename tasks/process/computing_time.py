"""How long this process has been training and scoring."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_intervals: list[tuple[float, float]] = []


@contextmanager
def computing() -> Iterator[None]:
    """Count the time inside as training or scoring, in whatever thread."""
    start = time.time()
    try:
        yield
    finally:
        _intervals.append((start, time.time()))


def take_computing_time() -> float:
    """Seconds that were spent computing, in one thread or several, since this was asked before."""
    intervals = _intervals.copy()
    del _intervals[: len(intervals)]
    return covered(intervals)


def covered(intervals: Sequence[tuple[float, float]]) -> float:
    """Length of the union of intervals: seconds in which at least one was open."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
