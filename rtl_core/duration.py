"""How long a training lasts: '3ep' is three epochs, '50it' is fifty iterations."""

import math
import re
from dataclasses import dataclass

from rtl_core.errors import SettingsError


@dataclass(frozen=True)
class Duration:
    """A length of training, in epochs or in iterations (optimizer steps)."""

    value: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Read '3ep' or '50it'.

        Raises:
            SettingsError: the text is neither.
        """
        match = re.fullmatch(r"([1-9][0-9]*)(ep|it)", str(text))
        if not match:
            raise SettingsError(f"{text!r} is no duration; allowed: epochs such as '3ep' or iterations such as '50it'")
        return cls(int(match[1]), match[2])

    def iterations(self, batches_per_epoch: int) -> int:
        """The number of optimizer steps, where an epoch has ``batches_per_epoch`` of them."""
        return self.value * batches_per_epoch if self.unit == "ep" else self.value

    def times(self, factor: float) -> "Duration":
        """The duration multiplied by a positive factor, rounded up to a whole unit."""
        return Duration(math.ceil(self.value * factor), self.unit)

    def __str__(self) -> str:
        return f"{self.value}{self.unit}"
