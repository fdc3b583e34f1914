"""What RTL is compared with: one mask for everything, and K independent models."""

from collections.abc import Sequence

from rtl_core.chain import extract_round, unpruned
from rtl_core.checkpoint import Checkpoint
from rtl_core.construction import initial_weights
from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerFactory
from rtl_core.masks import Masks
from rtl_core.problem import Problem
from rtl_core.pruning import Round
from rtl_core.randomness import Stream
from rtl_core.retraining import retrain
from rtl_core.tickets import Tickets
from rtl_core.weights import FlatWeights


def imp_single(
    problem: Problem,
    mask: Masks,
    duration: Duration,
    make_optimizer: OptimizerFactory,
    stream: Stream,
    checkpoint: Checkpoint | None = None,
    start: FlatWeights | None = None,
) -> Tickets:
    """IMP (single model): one network for every subset, trained under one mask (bool [1, d]) from θ₀, or from
    ``start``.

    Raises:
        DivergedError: a loss was not finite.
    """
    objective = problem.single_objective
    return retrain(
        start.copy() if start else initial_weights(problem, stream, single=True),
        mask,
        [objective],
        duration,
        objective.batches_per_epoch,
        "sequential",
        make_optimizer,
        stream.at(method="imp_single"),
        checkpoint,
    )


def extract_single_mask(
    problem: Problem, rounds: Sequence[Round], duration: Duration, make_optimizer: OptimizerFactory, stream: Stream
) -> dict[float, Masks]:
    """The one mask of IMP (single model) at every sparsity level: Algorithm 1 on all data.

    Raises:
        DivergedError: a loss was not finite.
    """
    objective = problem.single_objective
    place = stream.at(method="imp_single", subset=objective.name)
    layout = initial_weights(problem, stream, single=True).layout
    chain, levels = unpruned(layout), {}
    for pruning_round in rounds:
        weights = initial_weights(problem, stream, single=True)
        chain = extract_round(weights, objective, chain, pruning_round, duration, make_optimizer, place)
        if pruning_round.sparsity is not None:
            levels[pruning_round.sparsity] = Masks(layout, chain.mask.unsqueeze(0))
    return levels


def imp_multiple(
    problem: Problem,
    masks: Masks,
    duration: Duration,
    make_optimizer: OptimizerFactory,
    stream: Stream,
    checkpoint: Checkpoint | None = None,
    start: FlatWeights | None = None,
) -> list[Tickets]:
    """IMP (multiple models): K networks that share nothing, network k trained under mask k from θ₀, or ``start``.

    The masks are RTL's: both methods extract them by the same computation. Each network sees as many batches
    of its subset as its ticket sees in joint retraining.

    Raises:
        DivergedError: a loss was not finite.
    """
    return [
        retrain(
            start.copy() if start else initial_weights(problem, stream),
            masks.select([subset]),
            [objective],
            duration,
            problem.batches_per_epoch,
            "sequential",
            make_optimizer,
            stream.at(method="imp_multiple"),
            checkpoint and checkpoint.at(objective.name),
        )
        for subset, objective in enumerate(problem.objectives)
    ]
