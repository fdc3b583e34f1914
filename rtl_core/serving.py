"""What answers for all contexts of a method: one ticket file, or K files of one ticket each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rtl_core.description.preprocessing import Preprocessing, Sound
from rtl_core.errors import SettingsError, TicketFileError
from rtl_core.saving import load
from rtl_core.use.inputs import expected
from rtl_core.use.prediction import Prediction
from rtl_core.use.tickets_in_use import TicketsInUse

MOST_WHOLE = 1 << 53
"""Up to here float64 holds every whole number."""


@dataclass(frozen=True)
class Serving:
    """The tickets of a method, which share one input; each context is served by one of their files.

    Attributes:
        sets: what the files hold.
        name: what messages call them together.
    """

    sets: tuple[TicketsInUse, ...]
    name: str

    @classmethod
    def of_files(cls, paths: Sequence[str | Path], name: str, allow: Sequence[str] = ()) -> "Serving":
        """Read the files (``rtl_core.load``).

        Raises:
            TicketFileError: a file is unsound, names a network that is not allowed, does not say what its input is and
                what its output means, or takes another input than the first.
        """
        sets = tuple(TicketsInUse.of(load(path, allow), name, allow) for path in paths)
        inputs = [one.usage.preprocessing for one in sets]
        if any(preprocessing != inputs[0] for preprocessing in inputs):
            raise TicketFileError(f"{name}: found files that take different inputs; allowed: one input")
        return cls(sets, name)

    @property
    def contexts(self) -> tuple[str, ...]:
        """The contexts that are served."""
        return tuple(name for one in self.sets for name in one.contexts)

    @property
    def default(self) -> str | None:
        """The context that stands where none is named; None where one must be."""
        return None if len(self.sets) > 1 or self.sets[0].needs_context else self.contexts[0]

    @property
    def preprocessing(self) -> Preprocessing:
        """What the input is made from."""
        return self.sets[0].usage.preprocessing

    def answer(self, inputs: Any, context: str | None = None, together: bool = False) -> Prediction:
        """What ``TicketsInUse.predict`` says, of inputs as JSON holds them: whole numbers may come as float64.

        Raises:
            SettingsError: there is no such context.
            DataError: the inputs are of another size or type than trained, or hold a number that is not finite.
        """
        name = self.default if context is None else context
        if len(self.sets) == 1 and self.sets[0].is_to_be_told(name):
            return self.sets[0].predict(self._stored(inputs), name, together=together)
        if name not in self._place:
            asked = "none" if name is None else repr(name)
            raise SettingsError(f"context: found {asked}; allowed: {', '.join(self.contexts)}")
        return self.sets[self._place[name]].predict(self._stored(inputs), name, together=together)

    def example(self) -> Tensor:
        """One example of the right size and type, all zeros, of a signal a quarter of a second: [1, …]."""
        dtype, shape = expected(self.preprocessing)
        length = -(-self.preprocessing.rate // 4) if isinstance(self.preprocessing, Sound) else 1
        return torch.zeros(1, *(length if side is None else side for side in shape), dtype=dtype)

    def _stored(self, inputs: Any) -> Any:
        """Whole numbers as such, where the tickets take whole ones alone."""
        dtype, _ = expected(self.preprocessing)
        if dtype.is_floating_point:
            return inputs
        try:
            values = torch.as_tensor(inputs)
        except (TypeError, ValueError, RuntimeError):  # no tensor, which ``predict`` says
            return inputs
        if values.layout != torch.strided:
            return inputs
        is_whole = values.is_floating_point() and bool(((values == values.round()) & (values.abs() < MOST_WHOLE)).all())
        return values.long() if is_whole else values

    @cached_property
    def _place(self) -> dict[str, int]:
        """The number of the file that serves a context."""
        return {name: number for number, one in enumerate(self.sets) for name in one.contexts}
