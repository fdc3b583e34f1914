"""Where tickets are rewound to: θ₀, or weights that have seen a little training (late rewinding)."""

import torch

from rtl_core.duration import Duration
from rtl_core.extraction import initial_weights
from rtl_core.isolation import OptimizerFactory
from rtl_core.masks import Masks
from rtl_core.problem import Problem
from rtl_core.randomness import Stream
from rtl_core.retraining import retrain
from rtl_core.weights import FlatWeights


def late_weights(
    problem: Problem, duration: Duration, make_optimizer: OptimizerFactory, stream: Stream, single: bool = False
) -> FlatWeights:
    """θ after some training of the unpruned network from θ₀ (Frankle et al. 2020), to be rewound to in its place.

    The K tickets must start from one θ, so they are trained jointly, under masks of ones, by the synchronous
    update; the network of IMP single is trained on all data.

    Raises:
        DivergedError: a loss or a weight was not finite.
    """
    weights = initial_weights(problem, stream, single)
    objectives = [problem.single_objective] if single else list(problem.objectives)
    everything = torch.ones(len(objectives), weights.layout.size, dtype=torch.bool)
    epoch = problem.single_objective.batches_per_epoch if single else problem.batches_per_epoch
    place = stream.at(method="late rewinding")
    masks = Masks(weights.layout, everything)
    retrain(weights, masks, objectives, duration, epoch, "synchronous", make_optimizer, place)
    return weights
