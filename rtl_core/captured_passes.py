"""The passes of K tickets at one θ as CUDA graphs, side by side on streams of their own."""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Lock

import torch
from torch import Tensor, nn

from rtl_core.captured import Captured
from rtl_core.captured_training import can_be_captured
from rtl_core.isolation import OptimizerFactory
from rtl_core.masks import Masks
from rtl_core.problem import Batch, Objective
from rtl_core.streams import apart, streams_that_pay
from rtl_core.structure import structure_of
from rtl_core.training import add_gradient
from rtl_core.weights import FlatWeights

MOST = 16
"""Passes side by side, if so many pay."""

_free: dict[Hashable, list["CapturedPasses"]] = {}
_lending = Lock()
_counts: dict[Hashable, int] = {}
_measuring = Lock()


class CapturedPasses:
    """Masked gradients of K tickets at one θ, added up in the order of the tickets, whatever stream is faster.

    Args:
        weights: a network to copy, on a CUDA device.
        kind: what tells it from others that other numbers of streams pay for.

    Attributes:
        theta: θ, float [d], where it stays.
        dense: the dense parameters, float [e], likewise.
    """

    def __init__(self, weights: FlatWeights, kind: Hashable) -> None:
        self.theta = weights.prunable.detach().clone()
        self.dense = nn.Parameter(weights.dense.detach().clone())
        self._network = weights.copy()
        self._seen: list[_Seen] = []
        self._kind = kind

    def begin(self, weights: FlatWeights, masks: Masks, objectives: Sequence[Objective]) -> None:
        """Take up θ, the dense parameters and the buffers of a network, K masks, and what each ticket is trained on."""
        self._masks, self._objectives = masks, objectives
        with torch.no_grad():
            self.theta.copy_(weights.prunable)
            self.dense.copy_(weights.dense)
            if buffers := list(weights.network.buffers()):
                for copy in (self._network, *(seen.weights for seen in self._seen)):
                    torch._foreach_copy_(list(copy.network.buffers()), buffers)

    def __call__(self, batches: Sequence[Batch]) -> tuple[Tensor, Tensor, Tensor]:
        """The K losses, and the sums of the gradients [d] and of the dense gradients [e]."""
        count = self._streams(batches)
        total, dense_total = torch.zeros_like(self.theta), torch.zeros_like(self.dense)
        losses = torch.empty(len(batches), device=total.device)
        for first in range(0, len(batches), count):
            wave = range(first, min(first + count, len(batches)))
            for subset in wave:
                self._launch(subset - first, subset, batches[subset])
            for subset in wave:
                loss, gradient, dense_gradient = self._awaited(subset - first)
                total += gradient
                dense_total += dense_gradient
                losses[subset] = loss
        return losses, total, dense_total

    def one(self, subset: int, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, gradient [d] and dense gradient [e] of one ticket alone."""
        self._launch(0, subset, batch)
        loss, gradient, dense_gradient = self._awaited(0)
        return loss, gradient.clone(), dense_gradient.clone()

    def _streams(self, batches: Sequence[Batch]) -> int:
        """How many passes side by side pay; measured once."""
        if self._kind in _counts:
            return _counts[self._kind]

        def wait() -> None:
            for seen in self._seen:
                with seen.captured.alone():
                    pass

        with _measuring:
            if self._kind not in _counts:
                most = min(MOST, len(batches))
                _counts[self._kind] = streams_that_pay(lambda n: self._launch(n, n, batches[n]), wait, most)
                del self._seen[_counts[self._kind] :]
        return _counts[self._kind]

    def _launch(self, number: int, subset: int, batch: Batch) -> None:
        if number == len(self._seen):
            self._seen.append(_Seen(self._network.copy(), self.theta, self.dense))
        self._seen[number].run(self._masks[subset], self._objectives[subset], batch)

    def _awaited(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        seen = self._seen[number]
        seen.captured.awaited()
        return seen.loss.clone(), seen.weights.gradient, seen.weights.dense_gradient


class _Seen:
    """A copy of the network that sees one ticket after another."""

    def __init__(self, weights: FlatWeights, theta: Tensor, dense: Tensor) -> None:
        self.weights, self.loss = weights, torch.zeros((), device=theta.device)
        self._mask = torch.ones_like(theta, dtype=torch.bool)
        weights.network.train()
        state = [self.loss, *weights.network.buffers()]
        self.captured = Captured(partial(self._gradient, theta, dense), state)

    def run(self, mask: Tensor, objective: Objective, batch: Batch) -> None:
        with self.captured.beside():
            self._mask.copy_(mask)
            self.captured(objective, batch)

    def _gradient(self, theta: Tensor, dense: Tensor, objective: Objective, batch: Batch) -> None:
        with torch.no_grad():
            torch.mul(theta, self._mask, out=self.weights.prunable.data)
            self.weights.dense.copy_(dense)
        self.weights.zero_gradient()
        self.loss.copy_(add_gradient(self.weights.network, objective, batch))
        self.weights.gradient.mul_(self._mask)


@contextmanager
def captured_passes(
    weights: FlatWeights, masks: Masks, objectives: Sequence[Objective], make_optimizer: OptimizerFactory
) -> Iterator[CapturedPasses | None]:
    """Passes for networks of this kind, lent to one joint training at a time, which the block is, on a stream apart.

    None where they cannot be captured, as on a CPU.
    """
    if not can_be_captured(weights, make_optimizer):
        yield None
        return
    device = weights.prunable.device
    kind = (structure_of(weights.network), weights.layout, weights.dense_layout, device, len(objectives))
    with _lending:
        free = _free.setdefault(kind, [])
        passes = free.pop() if free else None
    with apart(device):
        passes = passes or CapturedPasses(weights, kind)
        passes.begin(weights, Masks(masks.layout, masks.values.to(device)), objectives)
        yield passes
    with _lending:
        free.append(passes)
