"""One round of one subset's chain: train, prune, rewind; and where the chain then stands."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerFactory, rates_of
from rtl_core.problem import Objective
from rtl_core.pruning import Round, prune_smallest
from rtl_core.randomness import Stream
from rtl_core.ticket_training import ticket_training
from rtl_core.weights import FlatWeights, Layout, to_cpu


@dataclass(frozen=True)
class Chain:
    """Where one subset's chain stands between two rounds.

    All is in the CPU's memory. ``mask`` is bool [d]. ``carried`` is empty after a rewind; otherwise it holds what
    training goes on from: weights, dense parameters, buffers and optimizer moments.
    """

    mask: Tensor
    carried: dict[str, Tensor] = field(default_factory=dict)


def unpruned(layout: Layout) -> Chain:
    """The beginning of a chain: a mask of ones, nothing carried."""
    return Chain(torch.ones(layout.size, dtype=torch.bool))


def extract_round(
    weights: FlatWeights,
    objective: Objective,
    chain: Chain,
    pruning_round: Round,
    duration: Duration,
    make_optimizer: OptimizerFactory,
    stream: Stream,
) -> Chain:
    """One round of one chain: train m ⊙ θ₀ (or what was carried), prune, rewind where the round says so.

    ``weights`` come in at θ₀, or at what is rewound to in its place, and are used up on a CPU. ``stream`` is the
    chain's own. A schedule of the learning rate is over this round, warm-up included, whether or not anything is
    carried.

    Raises:
        DivergedError: a loss or a weight was not finite.
        SettingsError: the warm-up is as long as the round, or longer.
    """
    epoch = objective.batches_per_epoch
    rates, carried = rates_of(make_optimizer, duration.iterations(epoch), epoch), chain.carried
    with ticket_training(weights, chain.mask, carried, make_optimizer, objective) as training:
        training.train(objective, rates, stream.at(round=pruning_round.number))
        own, trained = training.weights, to_cpu(training.weights.prunable)
        mask = prune_smallest(trained, chain.mask, pruning_round.count)
        if pruning_round.rewinds:
            return Chain(mask)
        state = {"weights": trained, "dense": to_cpu(own.dense)}
        state |= {f"buffer.{name}": value for name, value in own.buffers().items()}
        state |= {f"moment.{name}": value for name, value in training.moments().items()}
        return Chain(mask, state)
