"""Batch statistics of one ticket after another on CUDA: every pass of their epochs a replayed graph."""

from collections.abc import Hashable, Iterable
from threading import Lock

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from rtl_core.captured import Captured
from rtl_core.precision import products_in
from rtl_core.problem import Batch, Objective
from rtl_core.structure import structure_of
from rtl_core.weights import FlatWeights

_free: dict[Hashable, list["CapturedStatistics"]] = {}
_lending = Lock()


class CapturedStatistics:
    """A network whose batch-normalisation layers average over all passes that follow.

    A graph keeps the momentum that it was captured with. Here it is 1: what runs in a layer is of its last batch alone,
    and enters an average beside it, by the number of passes that the layer has counted on the device.

    Args:
        weights: a network on a CUDA device; taken over.
    """

    def __init__(self, weights: FlatWeights) -> None:
        self._weights = weights
        weights.network.train()
        self._averages = [
            _Average(layer)
            for layer in weights.network.modules()
            if isinstance(layer, _BatchNorm) and layer.running_mean is not None
        ]
        state = [*weights.network.buffers(), *(part for average in self._averages for part in average.parts)]
        self._passes = Captured(self._pass, state)

    @torch.no_grad()
    def own(self, weights: FlatWeights, objective: Objective, batches: Iterable[Batch]) -> dict[str, Tensor]:
        """The buffers by name after a pass over each batch, of a network of the same kind, which stays as it is."""
        with self._passes.alone():
            self._weights.load(weights.prunable, weights.dense)
            if buffers := list(weights.network.buffers()):
                torch._foreach_copy_(list(self._weights.network.buffers()), buffers)
            for average in self._averages:
                average.begin()
            for batch in batches:
                self._passes(objective, batch)
            for average in self._averages:
                average.end()
            return self._weights.buffers()

    @torch.no_grad()
    def _pass(self, objective: Objective, batch: Batch) -> None:
        with products_in("float32", self._weights.prunable.device):
            objective.loss(self._weights.network, batch)


class _Average:
    """The mean of a layer's statistics over its passes since ``begin``; where there is none, what it starts with."""

    def __init__(self, layer: _BatchNorm) -> None:
        assert layer.running_mean is not None and layer.running_var is not None
        self._layer, self._running = layer, [layer.running_mean, layer.running_var]
        self.parts = [part.clone() for part in self._running]
        layer.momentum = 1.0
        layer.register_forward_hook(lambda *_: self._enter())

    def begin(self) -> None:
        self._layer.reset_running_stats()
        torch._foreach_copy_(self.parts, self._running)

    def _enter(self) -> None:
        assert self._layer.num_batches_tracked is not None
        share = 1 / self._layer.num_batches_tracked
        for part, of_batch in zip(self.parts, self._running, strict=True):
            part.lerp_(of_batch, share)

    def end(self) -> None:
        torch._foreach_copy_(self._running, self.parts)


def captured_statistics(weights: FlatWeights, objective: Objective, batches: Iterable[Batch]) -> dict[str, Tensor]:
    """The buffers of a network after a pass over each batch by graphs, which all networks of its kind share, by name.

    ``weights`` are on a CUDA device and stay as they are.
    """
    kind = (structure_of(weights.network), weights.layout, weights.dense_layout, weights.prunable.device)
    with _lending:
        free = _free.setdefault(kind, [])
        statistics = free.pop() if free else None
    statistics = statistics or CapturedStatistics(weights.copy())
    buffers = statistics.own(weights, objective, batches)
    with _lending:
        free.append(statistics)
    return buffers
