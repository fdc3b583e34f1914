"""How long this process has been training and scoring, and what else it waited for."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

Part = Literal["training", "scoring", "loading", "store"]
PARTS: tuple[Part, ...] = get_args(Part)
"""What a second can be spent on, in one thread or several; one second may be spent on several."""

_intervals: list[tuple[Part, float, float]] = []


@dataclass
class Spent:
    """The seconds inside a block of ``spending``, once it has ended."""

    seconds: float = 0.0


@contextmanager
def spending(on: Part) -> Iterator[Spent]:
    """Count the time inside as spent on one of ``PARTS``, in whatever thread."""
    start, spent = time.monotonic(), Spent()
    try:
        yield spent
    finally:
        end = time.monotonic()
        spent.seconds = end - start
        _intervals.append((on, start, end))


def take_times() -> dict[str, float]:
    """Seconds in which at least one thread was at each of ``PARTS``, at ``computing``, which is training or scoring,
    and at any of all (``known``), since this was asked before.
    """
    intervals = _intervals.copy()
    del _intervals[: len(intervals)]

    def of(parts: Sequence[str]) -> float:
        return covered([(start, end) for on, start, end in intervals if on in parts])

    return {part: of([part]) for part in PARTS} | {"computing": of(["training", "scoring"]), "known": of(PARTS)}


def covered(intervals: Sequence[tuple[float, float]]) -> float:
    """Length of the union of intervals: seconds in which at least one was open."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
