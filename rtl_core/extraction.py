"""Algorithm 1: adaptive tickets by iterative magnitude pruning with rewinding."""

from collections.abc import Sequence

import torch
from torch import Tensor

from rtl_core.chain import extract_round, unpruned
from rtl_core.checks import check_training
from rtl_core.construction import initial_weights
from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerFactory
from rtl_core.masks import Masks
from rtl_core.problem import Problem
from rtl_core.pruning import Round
from rtl_core.randomness import Stream
from rtl_core.weights import FlatWeights


def extract_tickets(
    problem: Problem,
    rounds: Sequence[Round],
    duration: Duration,
    make_optimizer: OptimizerFactory,
    stream: Stream,
    start: FlatWeights | None = None,
    method: str = "rtl",
) -> dict[float, Masks]:
    """Adaptive ticket extraction (paper Algorithm 1): the K masks at every sparsity level.

    The chain of one subset never sees another; all start from, and are rewound to, the same θ₀, drawn from
    ``stream``, or the weights in ``start`` (late rewinding). Of ``as_one_network(problem)`` it is the one mask of IMP
    single; ``method`` names whose draws these are, ``imp_single`` then.

    Raises:
        SettingsError: the problem cannot be trained, or not to the same bytes twice (see ``checks``).
        DivergedError: a loss was not finite.
    """
    check_training(problem, make_optimizer, stream)
    layout = initial_weights(problem, stream).layout
    levels: dict[float, list[Tensor]] = {r.sparsity: [] for r in rounds if r.sparsity is not None}
    for subset, objective in zip(problem.subsets, problem.objectives, strict=True):
        place = stream.at(method=method, subset=subset)
        chain = unpruned(layout)
        for pruning_round in rounds:
            weights = start.copy() if start else initial_weights(problem, stream)
            chain = extract_round(weights, objective, chain, pruning_round, duration, make_optimizer, place)
            if pruning_round.sparsity is not None:
                levels[pruning_round.sparsity].append(chain.mask)
    return {level: Masks(layout, torch.stack(masks)) for level, masks in levels.items()}
