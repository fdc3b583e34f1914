"""How one joint step of K tickets moves the weights they share."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from rtl_core.captured_passes import CapturedPasses
from rtl_core.isolation import OptimizerFactory, TicketOptimizer
from rtl_core.masks import Masks
from rtl_core.microbatches import microbatches
from rtl_core.problem import Batch, Objective
from rtl_core.randomness import Stream
from rtl_core.training import gradient_of
from rtl_core.weights import FlatWeights


class SharedWeights:
    """The one θ, and a network that each ticket in turn sees as m_k ⊙ θ: as CUDA graphs, where ``passes`` are given."""

    def __init__(
        self,
        weights: FlatWeights,
        masks: Masks,
        objectives: Sequence[Objective],
        passes: CapturedPasses | None = None,
    ) -> None:
        self.passes, self.objectives = passes, objectives
        self.theta = passes.theta if passes else weights.prunable.detach().clone()
        self.dense = passes.dense if passes else weights.dense
        self.masks = Masks(masks.layout, masks.values.to(self.theta.device))
        self._seen = weights
        weights.network.train()

    def gradient(
        self, subset: int, batch: Batch, place: Stream, seen: FlatWeights | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, gradient [d] inside m_k and dense gradient [e] of one ticket on one batch, at the present θ.

        What drops at random draws from ``place``. Both are taken through ``seen``, another copy of the network, where
        one is given.
        """
        if self.passes is not None:
            return self.passes.one(subset, batch)
        mask = self.masks[subset]
        with torch.no_grad():
            if seen is None:
                seen = self._seen
            else:
                seen.dense.copy_(self.dense)
            torch.mul(self.theta, mask, out=seen.prunable.data)
        loss = gradient_of(seen, self.objectives[subset], batch, place)
        return loss, seen.gradient * mask, seen.dense_gradient

    def copies(self, count: int) -> list[FlatWeights]:
        """More copies of the network, for passes side by side."""
        return [self._seen.copy() for _ in range(count)]


class SequentialUpdate:
    """The paper's update (Eq. 7): each ticket's batch moves θ before the next ticket sees it."""

    def __init__(self, tickets: SharedWeights, make_optimizer: OptimizerFactory, _threads: int = 1) -> None:
        self.tickets = tickets
        self.optimizers = [
            TicketOptimizer(make_optimizer, mask, tickets.theta, tickets.dense) for mask in tickets.masks.values
        ]

    def __call__(self, batches: Sequence[Batch], places: Sequence[Stream]) -> Tensor:
        """One batch index m, each ticket's at its place in the run: a step of every ticket in turn; the K losses."""
        losses = []
        for subset, (batch, place, optimizer) in enumerate(zip(batches, places, self.optimizers, strict=True)):
            loss, gradient, dense_gradient = self.tickets.gradient(subset, batch, place)
            optimizer.step(gradient, dense_gradient)
            losses.append(loss)
        return torch.stack(losses)


class SynchronousUpdate:
    """Our update: the K masked gradients at one θ, added up, and one step over the union of the masks."""

    def __init__(self, tickets: SharedWeights, make_optimizer: OptimizerFactory, threads: int = 1) -> None:
        self.tickets = tickets
        self.optimizers = [TicketOptimizer(make_optimizer, tickets.masks.union(), tickets.theta, tickets.dense)]
        alone = tickets.passes is not None or threads == 1
        self._copies = [None, *([] if alone else tickets.copies(min(threads, len(tickets.masks)) - 1))]

    def __call__(self, batches: Sequence[Batch], places: Sequence[Stream]) -> Tensor:
        """One batch index m, each ticket's at its place in the run: one step for all tickets; the K losses."""
        if self.tickets.passes is not None:
            losses, total, dense_total = self.tickets.passes(batches)
            self.optimizers[0].step(total, dense_total)
            return losses
        of_each = self._step(dict(enumerate(batches)), places)
        return torch.stack([of_each[subset] for subset in range(len(batches))])

    def _step(self, batches: Mapping[int, Batch], places: Sequence[Stream]) -> dict[int, Tensor]:
        """One step over the union, by the gradients of the tickets that have a batch; their losses."""
        passes = self._gradients(batches, places)
        total, dense_total = torch.zeros_like(self.tickets.theta), torch.zeros_like(self.tickets.dense)
        for _, gradient, dense_gradient in passes.values():
            total += gradient
            dense_total += dense_gradient
        self.optimizers[0].step(total, dense_total)
        return {subset: loss for subset, (loss, *_) in passes.items()}

    def _gradients(
        self, batches: Mapping[int, Batch], places: Sequence[Stream]
    ) -> dict[int, tuple[Tensor, Tensor, Tensor]]:
        """Loss and gradients of every ticket; copy c of C of the network takes every C-th of them, from the c-th on."""
        count = len(self._copies)

        def share(number: int) -> dict[int, tuple[Tensor, Tensor, Tensor]]:
            seen, found = self._copies[number], {}
            for subset in [*batches][number::count]:
                loss, gradient, dense_gradient = self.tickets.gradient(subset, batches[subset], places[subset], seen)
                found[subset] = loss, gradient, dense_gradient.clone()
            return found

        if count == 1:
            return share(0)
        with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(torch.get_num_threads(),)) as pool:
            found = {subset: one for part in pool.map(share, range(count)) for subset, one in part.items()}
        return {subset: found[subset] for subset in batches}


class MicrobatchUpdate(SynchronousUpdate):
    """The synchronous update on a K-th of every batch at a time: as many steps as the sequential one takes, on as many
    examples.
    """

    def __call__(self, batches: Sequence[Batch], places: Sequence[Stream]) -> Tensor:
        """One batch index m: K steps for all tickets; the K sums of losses."""
        count = len(batches)
        cut = [microbatches(batch, count) for batch in batches]
        losses = torch.zeros(count, device=self.tickets.theta.device)
        for part in range(count):
            # Ticket k begins at step k, so that at least one takes part in each, however few examples there are.
            own = {subset: parts[part - subset] for subset, parts in enumerate(cut)}
            now = {subset: batch for subset, batch in own.items() if batch is not None}
            for subset, loss in self._step(now, [place.at(part=part) for place in places]).items():
                losses[subset] += loss
        return losses


UPDATES: dict[str, type[SequentialUpdate] | type[SynchronousUpdate]] = {
    "sequential": SequentialUpdate,
    "synchronous": SynchronousUpdate,
    "microbatch": MicrobatchUpdate,
}
"""By the ``update`` of their row in ``rtl_core.methods``."""
