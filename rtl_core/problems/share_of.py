"""Which part of the data is used where a share of them is asked for."""

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def share_of(items: Sequence[Item], share: float, least: int) -> list[Item]:
    """A share of the items, evenly spread; ``least`` of them at least, or all where there are no more."""
    count = min(len(items), max(least, round(share * len(items))))
    return [items[number * len(items) // count] for number in range(count)]
