"""Layers that drop at random, dropout and its kin and stochastic depth: how they draw from the step's own stream."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from rtl_core.errors import SettingsError
from rtl_core.randomness import Stream

ALPHA = 1.7580993408473766
"""Minus what SELU tends to (Klambauer et al. 2017): what alpha dropout puts in place of what it drops."""


class Draws:
    """Where all ``layers`` of one network that drop at random draw from: a place in the run, named before each pass."""

    def __init__(self) -> None:
        self.layers = 0
        self._place: Stream | None = None
        self._generators: dict[torch.device, torch.Generator] = {}

    def begin(self, place: Stream) -> None:
        """Draw from the beginning of the stream of a place from now on."""
        self._place = place
        self._generators.clear()

    def kept(self, empty: Tensor, dropped: float) -> Tensor:
        """Fill a tensor with zeros, a share of ``dropped`` at random, and ones, and return it.

        Raises:
            SettingsError: the activations of a pass are computed a second time, where other draws would come.
        """
        if torch._C._current_graph_task_id() >= 0:
            raise SettingsError(
                "a layer drops at random where activations are computed again in the backward pass (checkpointing), "
                "and would drop others; leave out the one or the other"
            )
        return empty.bernoulli_(1 - dropped, generator=self._generator(empty.device))

    def _generator(self, device: torch.device) -> torch.Generator:
        if self._place is None:
            raise RuntimeError("a layer drops at random, and nothing says where in the run: see Draws.begin")
        if device not in self._generators:
            self._generators[device] = self._place.generator(device)
        return self._generators[device]


def draws_of(network: nn.Module) -> Draws:
    """Let the layers of a network that drop at random draw from one source from now on, and return it.

    They are dropout and its kin of torch, stochastic depth of torchvision (``StochasticDepth``) and timm
    (``DropPath``), and classes derived from these that do not define ``forward``. They stay what they are, and give
    what the library's own would for the same draws.
    """
    draws = Draws()
    for module in network.modules():
        kind: Any = type(module)
        if (drawing := _drawing(kind)) is not None:
            module.__class__ = drawing
            module.draws = draws  # type: ignore[assignment]
            draws.layers += 1
    return draws


@contextmanager
def nothing_dropped(network: nn.Module) -> Iterator[None]:
    """Let the layers that ``draws_of`` gave a source pass on all that comes in, whatever mode the network is in."""
    layers = [module for module in network.modules() if isinstance(module, _Drawing) and module.training]
    for layer in layers:
        layer.training = False
    try:
        yield
    finally:
        for layer in layers:
            layer.training = True


class _Drawing(nn.Module):
    """A layer of a library's, mixed into its own class, that draws from ``draws``."""

    drop: Callable[[Any, Tensor, Draws], Tensor]
    draws: Draws

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self, x, self.draws) if self.training else x


def _elements(layer: nn.Dropout, x: Tensor, draws: Draws) -> Tensor:
    return _dropped(x, torch.empty_like(x), layer.p, draws, layer.inplace)


def _channels(batched: int, layer: nn.Dropout2d, x: Tensor, draws: Draws) -> Tensor:
    """Whole channels, of a batch [N, C, …] of ``batched`` dimensions or of one example [C, …]."""
    if x.ndim not in (batched - 1, batched):
        raise ValueError(f"{type(layer).__name__}: found {x.ndim} dimensions; allowed: {batched - 1} or {batched}")
    one_example = x.ndim < batched and not isinstance(layer, nn.Dropout2d)  # which takes it for [N, C, L]
    return _dropped(x, _of_leading(x, 1 if one_example else 2), layer.p, draws, layer.inplace)


def _alpha(of_channels: bool, layer: nn.AlphaDropout, x: Tensor, draws: Draws) -> Tensor:
    """For SELU: mean and variance stay (Klambauer et al. 2017)."""
    p = layer.p
    if p in (0, 1):
        return x if p == 0 else x * 0
    kept = draws.kept(_of_leading(x, 2) if of_channels else torch.empty_like(x), p)
    scale = 1 / math.sqrt((ALPHA**2 * p + 1) * (1 - p))
    shift = kept.add(-1).mul_(ALPHA * scale).add_(ALPHA * scale * p)
    return x * kept.mul_(scale) + shift


def _torchvision_depth(layer: Any, x: Tensor, draws: Draws) -> Tensor:
    return _dropped(x, _of_leading(x, 1 if layer.mode == "row" else 0), layer.p, draws)


def _timm_depth(layer: Any, x: Tensor, draws: Draws) -> Tensor:
    return _dropped(x, _of_leading(x, 1), layer.drop_prob, draws, scaled=layer.scale_by_keep)


def _dropped(x: Tensor, empty: Tensor, p: float, draws: Draws, inplace: bool = False, scaled: bool = True) -> Tensor:
    if p == 0:
        return x
    kept = draws.kept(empty, p)
    if scaled and p < 1:
        kept.div_(1 - p)
    return x.mul_(kept) if inplace else x * kept


def _of_leading(x: Tensor, count: int) -> Tensor:
    """An empty tensor with one value for all that shares a place in the first dimensions of x."""
    return x.new_empty(*x.shape[:count], *[1] * (x.ndim - count))


_KINDS: dict[str, Callable[[Any, Tensor, Draws], Tensor]] = {
    "torch.nn.modules.dropout.Dropout": _elements,
    "torch.nn.modules.dropout.Dropout1d": partial(_channels, 3),
    "torch.nn.modules.dropout.Dropout2d": partial(_channels, 4),
    "torch.nn.modules.dropout.Dropout3d": partial(_channels, 5),
    "torch.nn.modules.dropout.AlphaDropout": partial(_alpha, False),
    "torch.nn.modules.dropout.FeatureAlphaDropout": partial(_alpha, True),
    "torchvision.ops.stochastic_depth.StochasticDepth": _torchvision_depth,
    "timm.layers.drop.DropPath": _timm_depth,
}
"""By the full name of a class, so that no library is imported for it."""


@cache
def _drawing(kind: Any) -> type[nn.Module] | None:
    """The class of the same layers, drawing from a source; None where they drop nothing, or in a way of their own."""
    if issubclass(kind, _Drawing):
        return cast("type[nn.Module]", kind)
    for base in kind.__mro__:
        drop = _KINDS.get(f"{base.__module__}.{base.__qualname__}")
        if drop is not None and kind.forward is base.forward:
            return type(kind.__name__, (_Drawing, kind), {"drop": staticmethod(drop)})
    return None
