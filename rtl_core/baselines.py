"""What RTL is compared with: one mask for everything, and K independent models."""

from rtl_core.checkpoint import Checkpoint
from rtl_core.construction import initial_weights
from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerFactory
from rtl_core.masks import Masks
from rtl_core.one_network import as_one_network
from rtl_core.problem import Problem
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
) -> Tickets:
    """IMP (single model), which is joint retraining with K = 1: one network for every subset, trained under one mask
    (bool [1, d]) from θ₀.

    Its mask is what ``extract_tickets`` finds for ``as_one_network(problem)``.

    Raises:
        DivergedError: a loss was not finite.
    """
    one = as_one_network(problem)
    return retrain(
        initial_weights(one, stream),
        mask,
        one.objectives,
        duration,
        one.batches_per_epoch,
        "sequential",
        make_optimizer,
        stream.at(method="imp_single"),
        checkpoint,
    )


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
