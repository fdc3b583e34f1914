"""Algorithm 2: joint retraining of K tickets on one shared weight tensor."""

from collections.abc import Sequence
from itertools import repeat

import torch
from torch import Tensor

from rtl_core.captured_passes import captured_passes
from rtl_core.checkpoint import Checkpoint
from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerFactory, rates_of
from rtl_core.masks import Masks
from rtl_core.problem import Objective
from rtl_core.randomness import Stream
from rtl_core.schedule import Rates
from rtl_core.tickets import Tickets, finish_tickets
from rtl_core.training import batches_of, check_finite
from rtl_core.updates import UPDATES, SequentialUpdate, SharedWeights, SynchronousUpdate
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
            optimizer state of its own; ``synchronous``: the K masked gradients are taken at the same θ, added up
            and followed in one step over the union; or ``microbatch``: the same on a K-th of each batch at a time, as
            many steps as the sequential update takes.
        make_optimizer: builds the optimizer, or the K optimizers; its schedule is over the whole of ``duration``.
        stream: where the random draws come from.
        checkpoint: where the state after an epoch is kept, whenever it is due; what it holds is taken up again, so
            that an interrupted training ends as an uninterrupted one, bit for bit.
        threads: how many tickets' passes run side by side where they are taken at the same θ; the result is the
            same for any number.

    Raises:
        DataError: an epoch has another number of batches than its objective says, or a batch cannot be cut.
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
