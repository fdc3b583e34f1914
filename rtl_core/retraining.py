"""Algorithm 2: joint retraining of K tickets on one shared weight tensor."""

from collections.abc import Sequence
from itertools import islice, repeat

import torch
from torch import Tensor

from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerFactory, TicketOptimizer
from rtl_core.masks import Masks
from rtl_core.problem import Batch, Objective
from rtl_core.randomness import Stream
from rtl_core.tickets import Tickets, finish_tickets
from rtl_core.training import batches_of, check_finite, gradient_of
from rtl_core.weights import FlatWeights


def retrain(
    weights: FlatWeights,
    masks: Masks,
    objectives: Sequence[Objective],
    duration: Duration,
    batches_per_epoch: int,
    update: str,
    make_optimizer: OptimizerFactory,
    stream: Stream,
) -> Tickets:
    """Joint retraining (paper Algorithm 2): K tickets take turns, each on its own batches.

    The topology never changes: weights in no mask keep their values. With one mask and one objective this
    is plain training of one pruned network, as both IMP baselines need it.

    Args:
        weights: a network at θ₀; used up.
        masks: the K masks m_k.
        objectives: what each ticket is trained on.
        duration: length, in epochs of ``batches_per_epoch`` batch indices or in iterations.
        batches_per_epoch: M, the batches each ticket sees in one epoch; short subsets repeat theirs.
        update: ``sequential``, the paper's: each ticket's batch moves the shared weights at once, with an
            optimizer state of its own; or ``synchronous``: the K masked gradients are taken at the same θ,
            added up and followed in one step over the union.
        make_optimizer: builds the optimizer, or the K optimizers.
        stream: where the random draws come from.

    Raises:
        DivergedError: a loss or a weight was not finite.
    """
    tickets = SharedWeights(weights, masks, objectives)
    joint_step = UPDATES[update](tickets, make_optimizer)
    iterations = duration.iterations(batches_per_epoch)
    for epoch in range(-(-iterations // batches_per_epoch)):
        places = [stream.at(subset=objective.name, epoch=epoch) for objective in objectives]
        # Short subsets repeat their batches, in the same order, until all have M.
        turns = zip(*(batches_of(o, repeat(place)) for o, place in zip(objectives, places, strict=True)), strict=True)
        losses = torch.zeros(len(objectives))
        for batches in islice(turns, min(batches_per_epoch, iterations - epoch * batches_per_epoch)):
            losses += joint_step(batches)
        for loss, objective in zip(losses, objectives, strict=True):
            check_finite(loss, (tickets.theta, tickets.dense), stream.at(epoch=epoch), objective)
    weights.load(tickets.theta, weights.dense)
    return finish_tickets(weights, masks, objectives, stream)


class SharedWeights:
    """The one θ, and a network that each ticket in turn sees as m_k ⊙ θ."""

    def __init__(self, weights: FlatWeights, masks: Masks, objectives: Sequence[Objective]) -> None:
        self.theta = weights.prunable.detach().clone()
        self.dense = weights.dense
        self.masks = masks
        self._seen = weights
        self._objectives = objectives
        weights.network.train()

    def gradient(self, subset: int, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, gradient [d] inside m_k and dense gradient [e] of one ticket on one batch, at the present θ."""
        mask = self.masks[subset]
        with torch.no_grad():
            torch.mul(self.theta, mask, out=self._seen.prunable.data)
        loss = gradient_of(self._seen, self._objectives[subset], batch)
        return loss, self._seen.gradient * mask, self._seen.dense_gradient


class SequentialUpdate:
    """The paper's update (Eq. 7): each ticket's batch moves θ before the next ticket sees it."""

    def __init__(self, tickets: SharedWeights, make_optimizer: OptimizerFactory) -> None:
        self.tickets = tickets
        self.optimizers = [
            TicketOptimizer(make_optimizer, mask, tickets.theta, tickets.dense) for mask in tickets.masks.values
        ]

    def __call__(self, batches: Sequence[Batch]) -> Tensor:
        """One batch index m: a step of every ticket in turn; the K losses."""
        losses = []
        for subset, (batch, optimizer) in enumerate(zip(batches, self.optimizers, strict=True)):
            loss, gradient, dense_gradient = self.tickets.gradient(subset, batch)
            optimizer.step(gradient, dense_gradient)
            losses.append(loss)
        return torch.stack(losses)


class SynchronousUpdate:
    """Our update: the K masked gradients at one θ, added up, and one step over the union of the masks."""

    def __init__(self, tickets: SharedWeights, make_optimizer: OptimizerFactory) -> None:
        self.tickets = tickets
        self.optimizer = TicketOptimizer(make_optimizer, tickets.masks.union(), tickets.theta, tickets.dense)

    def __call__(self, batches: Sequence[Batch]) -> Tensor:
        """One batch index m: one step for all tickets; the K losses."""
        losses, total, dense_total = (
            [],
            torch.zeros_like(self.tickets.theta),
            torch.zeros_like(self.tickets.dense),
        )
        for subset, batch in enumerate(batches):
            loss, gradient, dense_gradient = self.tickets.gradient(subset, batch)
            total += gradient
            dense_total += dense_gradient
            losses.append(loss)
        self.optimizer.step(total, dense_total)
        return torch.stack(losses)


UPDATES: dict[str, type[SequentialUpdate] | type[SynchronousUpdate]] = {
    "sequential": SequentialUpdate,
    "synchronous": SynchronousUpdate,
}
