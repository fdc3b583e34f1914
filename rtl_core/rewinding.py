"""Where tickets are rewound to: θ₀, or weights that have seen a little training (late rewinding)."""

import torch

from rtl_core.checkpoint import Checkpoint
from rtl_core.construction import initial_weights
from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerFactory, as_at_the_beginning
from rtl_core.masks import Masks
from rtl_core.problem import Problem
from rtl_core.randomness import Stream
from rtl_core.retraining import retrain
from rtl_core.tickets import Tickets
from rtl_core.weights import FlatWeights


def late_tickets(
    problem: Problem,
    duration: Duration,
    make_optimizer: OptimizerFactory,
    stream: Stream,
    checkpoint: Checkpoint | None = None,
    threads: int = 1,
) -> Tickets:
    """Unpruned tickets after some training from θ₀, whose weights are rewound to in its place (Frankle et al. 2020).

    The K tickets must start from one θ, so they are trained jointly, under masks of ones, by the synchronous
    update, as at the beginning of a training: at the full learning rate after the warm-up, if there is one.
    ``checkpoint`` and ``threads`` are ``retrain``'s.

    Raises:
        DivergedError: a loss or a weight was not finite.
    """
    weights = initial_weights(problem, stream)
    everything = Masks(weights.layout, torch.ones(len(problem.subsets), weights.layout.size, dtype=torch.bool))
    return retrain(
        weights,
        everything,
        problem.objectives,
        duration,
        problem.batches_per_epoch,
        "synchronous",
        as_at_the_beginning(make_optimizer),
        stream.at(method="late rewinding"),
        checkpoint,
        threads,
    )


def weights_at(tickets: Tickets, problem: Problem, stream: Stream) -> FlatWeights:
    """A new network at the weights of unpruned tickets: what to start from, and rewind to, in place of θ₀."""
    weights = initial_weights(problem, stream)
    weights.load(tickets.weights, weights.dense_layout.join(tickets.dense))
    return weights
