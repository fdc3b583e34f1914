"""Algorithm 1: adaptive tickets by iterative magnitude pruning with rewinding."""

from collections.abc import Callable, Sequence

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
from rtl_core.weights import FlatWeights, Layout


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
    chains = [
        extract_chain(problem, subset, rounds, duration, make_optimizer, stream, start, method)
        for subset in range(len(problem.subsets))
    ]
    return masks_by_level(layout, chains)


def extract_chain(
    problem: Problem,
    subset: int,
    rounds: Sequence[Round],
    duration: Duration,
    make_optimizer: OptimizerFactory,
    stream: Stream,
    start: FlatWeights | None = None,
    method: str = "rtl",
    after_round: Callable[[], None] = lambda: None,
) -> dict[float, Tensor]:
    """The chain of one subset, by number: its mask, bool [d], at every sparsity level.

    ``after_round`` is called as often as there are rounds; all else is ``extract_tickets``'s.

    Raises:
        DivergedError: a loss was not finite.
    """
    place = stream.at(method=method, subset=problem.subsets[subset])
    chain = unpruned(initial_weights(problem, stream).layout)
    levels: dict[float, Tensor] = {}
    for pruning_round in rounds:
        weights = start.copy() if start else initial_weights(problem, stream)
        chain = extract_round(
            weights, problem.objectives[subset], chain, pruning_round, duration, make_optimizer, place
        )
        if pruning_round.sparsity is not None:
            levels[pruning_round.sparsity] = chain.mask
        after_round()
    return levels


def masks_by_level(layout: Layout, chains: Sequence[dict[float, Tensor]]) -> dict[float, Masks]:
    """The K masks at every sparsity level, from the chains of all subsets."""
    return {level: Masks(layout, torch.stack([chain[level] for chain in chains])) for level in chains[0]}
