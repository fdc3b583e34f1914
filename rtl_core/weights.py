"""Where each weight of a network stands: the prunable ones in one flat vector, the dense ones in another."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from rtl_core.dropout import draws_of
from rtl_core.errors import SettingsError


@dataclass(frozen=True)
class Layout:
    """Names, shapes and order of a set of tensors laid end to end in one vector of ``size`` values."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @property
    def lengths(self) -> list[int]:
        """Number of values of each tensor."""
        return [prod(shape) for shape in self.shapes]

    @property
    def size(self) -> int:
        """Number of values in all."""
        return sum(self.lengths)

    def split(self, flat: Tensor) -> dict[str, Tensor]:
        """Views of ``flat`` [..., size] under their names, each [..., *shape]."""
        parts = flat.split(self.lengths, dim=-1)
        return {
            name: part.unflatten(-1, shape) if shape else part.squeeze(-1)
            for name, shape, part in zip(self.names, self.shapes, parts, strict=True)
        }

    def join(self, tensors: dict[str, Tensor]) -> Tensor:
        """The named tensors end to end, [size]: the inverse of ``split``."""
        return torch.cat([tensors[name].reshape(-1) for name in self.names]) if self.names else torch.empty(0)


def layout_of(network: nn.Module, names: Iterable[str]) -> Layout:
    """The layout of the named parameters, in the network's own order.

    Raises:
        SettingsError: a name is not a parameter of the network, or none is given.
    """
    wanted = set(names)
    parameters = {name: p for name, p in network.named_parameters() if name in wanted}
    if missing := sorted(wanted - parameters.keys()):
        raise SettingsError(f"the network has no parameter {missing[0]!r}")
    if not parameters:
        raise SettingsError("no weight is prunable: name at least one parameter")
    return Layout(tuple(parameters), tuple(tuple(p.shape) for p in parameters.values()))


class FlatWeights:
    """A network whose parameters, and their gradients, are views of two flat vectors, on the network's device.

    ``prunable`` [d] holds the prunable weights and ``dense`` [e] all other parameters, so that a mask, a
    prune or an optimizer step is one operation whatever the number of layers; ``gradient`` [d] and
    ``dense_gradient`` [e] are where ``backward()`` adds to. The network is taken over: its parameters point
    into the vectors from then on, and its layers that drop at random draw from ``draws`` alone, which is told before
    each pass where in the run this is.

    Raises:
        SettingsError: a prunable weight is not there, or a parameter is frozen or stands in two places.
    """

    def __init__(self, network: nn.Module, prunable: Iterable[str]) -> None:
        _check_parameters(network)
        self.network = network
        self.layout = layout_of(network, prunable)
        rest = [name for name, _ in network.named_parameters() if name not in set(self.layout.names)]
        parameters = dict(network.named_parameters())
        self.dense_layout = Layout(tuple(rest), tuple(tuple(parameters[name].shape) for name in rest))
        self.prunable, self.gradient = _flatten(parameters, self.layout)
        self.dense, self.dense_gradient = _flatten(parameters, self.dense_layout)
        self.draws = draws_of(network)

    @torch.no_grad()
    def load(self, prunable: Tensor, dense: Tensor) -> None:
        """Copy in prunable weights [d] and dense parameters [e]."""
        self.prunable.copy_(prunable)
        self.dense.copy_(dense)

    def copy(self) -> "FlatWeights":
        """An independent network with the same values, in the same mode."""
        return FlatWeights(deepcopy(self.network), self.layout.names)

    def zero_gradient(self) -> None:
        """Set both gradients to zero, keeping the views."""
        self.gradient.zero_()
        self.dense_gradient.zero_()

    def buffers(self) -> dict[str, Tensor]:
        """The network's buffers, such as batch statistics, copied to the CPU, by name.

        Those that are no part of its state (``persistent=False``) are as its constructor made them.
        """
        return {name: to_cpu(buffer) for name, buffer in self._kept_buffers()}

    @torch.no_grad()
    def load_buffers(self, buffers: dict[str, Tensor]) -> None:
        """Copy in the network's buffers by name."""
        for name, buffer in self._kept_buffers():
            buffer.copy_(buffers[name])

    def _kept_buffers(self) -> list[tuple[str, Tensor]]:
        state = self.network.state_dict()
        return [(name, buffer) for name, buffer in self.network.named_buffers() if name in state]


def _check_parameters(network: nn.Module) -> None:
    names: dict[nn.Parameter, str] = {}
    for name, parameter in network.named_parameters(remove_duplicate=False):
        if not parameter.requires_grad:  # weight decay would move it, and a mask would cut it
            raise SettingsError(
                f"the network's parameter {name!r} is frozen (requires_grad=False); allowed: what is trained, or a "
                "buffer in its place"
            )
        if parameter in names:
            raise SettingsError(
                f"the network's parameters {names[parameter]!r} and {name!r} are one (tied); allowed: each in one place"
            )
        names[parameter] = name


def with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose name begins with a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def to_cpu(tensor: Tensor) -> Tensor:
    """A copy in the CPU's memory, outside any graph: what is kept between steps is always there."""
    return tensor.detach().to("cpu", copy=True)


def _flatten(parameters: dict[str, nn.Parameter], layout: Layout) -> tuple[nn.Parameter, Tensor]:
    device = next(iter(parameters.values())).device
    flat = nn.Parameter(layout.join({name: part.detach() for name, part in parameters.items()}).to(device))
    gradient = torch.zeros_like(flat, requires_grad=False)
    gradients = layout.split(gradient)
    for name, view in layout.split(flat.detach()).items():
        parameters[name].data = view
        parameters[name].grad = gradients[name]
    return flat, gradient
