"""Algorithm 2: joint retraining of K tickets on one shared weight tensor."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import torch
from torch import Tensor

from rtl_core.captured_passes import CapturedPasses, captured_passes
from rtl_core.checkpoint import Checkpoint
from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerFactory, TicketOptimizer, rates_of
from rtl_core.masks import Masks
from rtl_core.problem import Batch, Objective
from rtl_core.randomness import Stream
from rtl_core.schedule import Rates
from rtl_core.tickets import Tickets, finish_tickets
from rtl_core.training import batches_of, check_finite, gradient_of
from rtl_core.weights import FlatWeights, with_prefix


def retrain(
    weights: FlatWeights,
    masks: Masks,
    objectives: Sequence[Objective],
    duration: Duration,
    batches_per_epoch: int,
    update: str,
    make_optimizer: OptimizerFactory,
    stream: Stream,
    checkpoint: Checkpoint | None = None,
    threads: int = 1,
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
        make_optimizer: builds the optimizer, or the K optimizers; its schedule is over the whole of ``duration``.
        stream: where the random draws come from.
        checkpoint: where the state after an epoch is kept, whenever it is due; what it holds is taken up again, so
            that an interrupted training ends as an uninterrupted one, bit for bit.
        threads: how many tickets' passes run side by side in the synchronous update; the result is the same
            for any number.

    Raises:
        DivergedError: a loss or a weight was not finite.
        SettingsError: the warm-up is as long as the training, or longer.
    """
    iterations = duration.iterations(batches_per_epoch)
    rates = rates_of(make_optimizer, iterations, batches_per_epoch)
    with captured_passes(weights, masks, objectives, make_optimizer) as passes:
        tickets = SharedWeights(weights, masks, objectives, passes)
        joint_step = UPDATES[update](tickets, make_optimizer, threads)
        begun = _resume(checkpoint, tickets, joint_step)
        for epoch in range(begun, -(-iterations // batches_per_epoch)):
            place, before = stream.at(epoch=epoch), epoch * batches_per_epoch
            count = min(batches_per_epoch, iterations - before)
            losses = _epoch(tickets, joint_step, rates, range(before, before + count), stream, epoch)
            for loss, objective in zip(losses, objectives, strict=True):
                check_finite(loss, (tickets.theta, tickets.dense), place, objective)
            if checkpoint is not None and checkpoint.due():
                checkpoint.save(_state(epoch + 1, tickets, joint_step))
        weights.load(tickets.theta, tickets.dense)
    return finish_tickets(weights, masks, objectives, stream)


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
        passes = self._gradients(batches, places)
        total, dense_total = torch.zeros_like(self.tickets.theta), torch.zeros_like(self.tickets.dense)
        for _, gradient, dense_gradient in passes:
            total += gradient
            dense_total += dense_gradient
        self.optimizers[0].step(total, dense_total)
        return torch.stack([loss for loss, *_ in passes])

    def _gradients(self, batches: Sequence[Batch], places: Sequence[Stream]) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Loss and gradients of every ticket; copy c of the network takes tickets c, c + C, c + 2C, …"""
        count = len(self._copies)

        def share(number: int) -> list[tuple[Tensor, Tensor, Tensor]]:
            mine = range(number, len(batches), count)
            seen = self._copies[number]
            passes = (self.tickets.gradient(subset, batches[subset], places[subset], seen) for subset in mine)
            return [(loss, gradient, dense_gradient.clone()) for loss, gradient, dense_gradient in passes]

        if count == 1:
            return share(0)
        with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(torch.get_num_threads(),)) as pool:
            shares = list(pool.map(share, range(count)))
        return [shares[subset % count][subset // count] for subset in range(len(batches))]


UPDATES: dict[str, type[SequentialUpdate] | type[SynchronousUpdate]] = {
    "sequential": SequentialUpdate,
    "synchronous": SynchronousUpdate,
}


def _epoch(
    tickets: SharedWeights,
    joint_step: SequentialUpdate | SynchronousUpdate,
    rates: Rates,
    steps: range,
    stream: Stream,
    epoch: int,
) -> Tensor:
    """The joint steps of one epoch, by their numbers in the run; the K sums of losses."""
    places = [stream.at(subset=objective.name, epoch=epoch) for objective in tickets.objectives]
    # Short subsets repeat their batches, in the same order, until all have M.
    turns = zip(*(batches_of(o, repeat(p)) for o, p in zip(tickets.objectives, places, strict=True)), strict=True)
    losses = torch.zeros(len(places), device=tickets.theta.device)
    for number, (step, batches) in enumerate(zip(steps, turns, strict=False)):
        for optimizer in joint_step.optimizers:
            optimizer.scale_rate(rates.factor(step))
        losses += joint_step(batches, [place.at(batch=number) for place in places])
    return losses


def _state(epochs: int, tickets: SharedWeights, update: SequentialUpdate | SynchronousUpdate) -> dict[str, Tensor]:
    state = {"epochs": torch.tensor(epochs), "theta": tickets.theta, "dense": tickets.dense.detach()}
    for number, optimizer in enumerate(update.optimizers):
        state |= {f"moment.{number}.{name}": value for name, value in optimizer.moments().items()}
    return state


def _resume(checkpoint: Checkpoint | None, tickets: SharedWeights, update: SequentialUpdate | SynchronousUpdate) -> int:
    """Go back to the state that a checkpoint holds, if it holds one; how many epochs lie behind it."""
    state = checkpoint.load() if checkpoint is not None else {}
    if not state:
        return 0
    with torch.no_grad():
        tickets.theta.copy_(state["theta"])
        tickets.dense.copy_(state["dense"])
    for number, optimizer in enumerate(update.optimizers):
        optimizer.restore(with_prefix(f"moment.{number}.", state))
    return int(state["epochs"])
