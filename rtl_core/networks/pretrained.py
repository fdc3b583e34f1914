"""What a network takes from a file of weights: which tensors, by name and shape, and what is drawn all the same."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from rtl_core.errors import DataError
from rtl_core.networks.weights_file import read_weights

MOST_NAMED = 4
COUNTER = "num_batches_tracked"
"""Of batch normalisation; old files lack it."""


@dataclass(frozen=True)
class Fit:
    """The names of the tensors of a network that a file gives and does not give, and of those that it has beside."""

    loaded: tuple[str, ...]
    drawn: tuple[str, ...]
    left_over: tuple[str, ...]

    def __str__(self) -> str:
        return f"loaded {len(self.loaded)} tensors; drawn: {_few(self.drawn)}; left over: {_few(self.left_over)}"


class Pretrained:
    """The tensors of a file of weights, by name (see ``read_weights``)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tensors = read_weights(path)

    def fit(self, network: nn.Module, head: Collection[str]) -> Fit:
        """Which of them a network takes; one of its ``head`` is drawn where the file's has another shape.

        Raises:
            DataError: none fits, or one of another layer has another shape: the file is of another network.
        """
        tensors, state = self._for(network), network.state_dict()
        alike = [name for name in state if name in tensors and tensors[name].shape == state[name].shape]
        for name in state:
            if name in tensors and name not in alike and name not in head:
                shapes = (list(tensors[name].shape), list(state[name].shape))
                raise DataError(f"{self.path}: of another network: {name} is {shapes[0]}; allowed: {shapes[1]}")
        if not set(alike) & {name for name, _ in network.named_parameters()}:
            raise DataError(
                f"{self.path}: of another network: it has {_few(tuple(self._tensors))}; allowed: {_few(tuple(state))}"
            )
        drawn = [name for name in state if name not in alike and not name.endswith(COUNTER)]
        return Fit(tuple(alike), tuple(drawn), tuple(name for name in tensors if name not in alike))

    @torch.no_grad()
    def load_into(self, network: nn.Module, head: Collection[str]) -> None:
        """Copy what fits into a network.

        Raises:
            DataError: as ``fit``.
        """
        tensors, state = self._for(network), network.state_dict()
        for name in self.fit(network, head).loaded:
            state[name].copy_(tensors[name])

    def _for(self, network: nn.Module) -> Mapping[str, Tensor]:
        """The tensors under the network's names, without what a wrapper has put before all of them (``module.``)."""
        tensors = self._tensors
        names = [*network.state_dict()]
        while True:
            first = {name.partition(".")[0] for name in tensors}
            prefix = f"{first.pop()}." if len(first) == 1 else ""
            if not prefix or any(name.startswith(prefix) for name in names) or prefix.removesuffix(".") in tensors:
                return tensors
            tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}


def _few(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(name[:80] for name in names[:MOST_NAMED])}{more}" if names else "none"
