"""Where random numbers come from: every draw names the place in the run that it belongs to."""

import hashlib
import json
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Stream:
    """A source of random draws, named by a seed and a place such as ``method rtl, subset 3, round 2``.

    Two streams give the same draws exactly when seed and place are equal, so a run may be interrupted,
    reordered or spread over workers without a draw changing. ``str(stream)`` names the place to people.
    """

    seed: int
    place: tuple[tuple[str, str | int], ...] = ()

    def at(self, **place: str | int) -> "Stream":
        """The stream of a place inside this one, as in ``stream.at(subset="cat", round=2)``."""
        return Stream(self.seed, self.place + tuple(place.items()))

    def generator(self, device: torch.device | str = "cpu") -> torch.Generator:
        """A new generator at the beginning of this stream, for draws on a device."""
        name = json.dumps([self.seed, self.place], separators=(",", ":"))
        digest = hashlib.sha256(name.encode()).digest()
        return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "little") >> 1)

    def __str__(self) -> str:
        return ", ".join(f"{key} {value}" for key, value in (("seed", self.seed), *self.place))
