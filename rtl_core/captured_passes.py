"""The passes of K tickets at one θ as CUDA graphs, side by side on streams of their own."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from rtl_core.captured import Captured
from rtl_core.masks import Masks
from rtl_core.problem import Batch, Objective
from rtl_core.weights import FlatWeights

MOST = 10
"""Passes side by side: more brought no more images a second on one H200."""


class CapturedPasses:
    """Masked gradients of K tickets at one θ, added up in the order of the tickets, whatever stream is faster.

    Args:
        weights: a network to copy, on a CUDA device.
        theta: θ, float [d], where it stays.
        dense: the dense parameters, float [e], likewise.
        masks: the K masks, on the device.
        objectives: what each ticket is trained on.
    """

    def __init__(
        self, weights: FlatWeights, theta: Tensor, dense: Tensor, masks: Masks, objectives: Sequence[Objective]
    ) -> None:
        self._theta, self._dense, self._masks, self._objectives = theta, dense, masks, objectives
        self._seen = [_Seen(weights.copy(), theta, dense) for _ in range(min(MOST, len(objectives)))]

    def __call__(self, batches: Sequence[Batch]) -> tuple[Tensor, Tensor, Tensor]:
        """The K losses, and the sums of the gradients [d] and of the dense gradients [e]."""
        total, dense_total = torch.zeros_like(self._theta), torch.zeros_like(self._dense)
        losses = torch.empty(len(batches), device=total.device)
        for first in range(0, len(batches), len(self._seen)):
            wave = list(enumerate(batches))[first : first + len(self._seen)]
            for seen, (subset, batch) in zip(self._seen, wave, strict=False):
                seen.run(self._masks[subset], self._objectives[subset], batch)
            for seen, (subset, _) in zip(self._seen, wave, strict=False):
                seen.captured.awaited()
                total += seen.weights.gradient
                dense_total += seen.weights.dense_gradient
                losses[subset] = seen.loss
        return losses, total, dense_total


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
        loss = objective.loss(self.weights.network, batch)
        loss.backward()
        self.loss.copy_(loss.detach())
        self.weights.gradient.mul_(self._mask)
