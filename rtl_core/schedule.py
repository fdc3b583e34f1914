"""What the learning rate is at each step of a training."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rtl_core.errors import SettingsError


def _constant(_share: float) -> float:
    return 1.0


def _cosine(share: float) -> float:
    return (1 + math.cos(math.pi * share)) / 2


SCHEDULES: Mapping[str, Callable[[float], float]] = {"constant": _constant, "cosine": _cosine}
"""What the rate is multiplied by after the warm-up, by the share, 0 to 1, of the remaining steps that lie behind."""


@dataclass(frozen=True)
class Rates:
    """The learning rate over one training of so many ``steps``, the first ``warmup`` of which lead up to the full rate.

    Raises:
        SettingsError: the warm-up is as long as the training, or longer.
    """

    steps: int
    schedule: str = "constant"
    warmup: int = 0

    def __post_init__(self) -> None:
        if self.warmup and self.warmup >= self.steps:
            raise SettingsError(
                f"optimizer.warmup: found {self.warmup} steps; allowed: fewer than the {self.steps} of a training"
            )

    def factor(self, step: int) -> float:
        """What the learning rate is multiplied by at a step, counted from 0.

        In the warm-up it rises by equal amounts, to the full rate at its last step (Goyal et al. 2017); from there on
        ``cosine`` falls to what would be 0 at the step after the last (Loshchilov and Hutter 2017).
        """
        if step < self.warmup:
            return (step + 1) / self.warmup
        return SCHEDULES[self.schedule]((step - self.warmup) / (self.steps - self.warmup))
