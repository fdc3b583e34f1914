"""Where a training keeps what it needs to go on after an interruption."""

from typing import Protocol

from torch import Tensor


class Checkpoint(Protocol):
    """The last state of one training, as named tensors; each state replaces the one before it."""

    def load(self) -> dict[str, Tensor]:
        """What ``save`` was last given; empty where nothing was, or where it cannot be trusted."""

    def due(self) -> bool:
        """Whether it is time to keep a state; an epoch may be shorter than keeping one takes."""

    def save(self, state: dict[str, Tensor]) -> None:
        """Keep a state, whole or not at all."""

    def at(self, name: str) -> "Checkpoint":
        """The place of one of several trainings that are kept together."""
