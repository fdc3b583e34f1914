"""What RTL is compared with: one mask for everything, K independent models, and masks without meaning."""

from collections.abc import Sequence

import torch

from rtl_core.checkpoint import Checkpoint
from rtl_core.duration import Duration
from rtl_core.extraction import extract_round, initial_weights, unpruned
from rtl_core.isolation import OptimizerFactory
from rtl_core.masks import Masks
from rtl_core.problem import Problem
from rtl_core.pruning import Round
from rtl_core.randomness import Stream
from rtl_core.retraining import retrain
from rtl_core.tickets import Tickets


def imp_single(
    problem: Problem,
    mask: Masks,
    duration: Duration,
    make_optimizer: OptimizerFactory,
    stream: Stream,
    checkpoint: Checkpoint | None = None,
) -> Tickets:
    """IMP (single model): one network for every subset, trained from θ₀ under one mask (bool [1, d]).

    Raises:
        DivergedError: a loss was not finite.
    """
    objective = problem.single_objective
    return retrain(
        initial_weights(problem, stream, single=True),
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
) -> list[Tickets]:
    """IMP (multiple models): K networks that share nothing, network k trained from θ₀ under mask k.

    The masks are RTL's: both methods extract them by the same computation. Each network sees as many batches
    of its subset as its ticket sees in joint retraining.

    Raises:
        DivergedError: a loss was not finite.
    """
    return [
        retrain(
            initial_weights(problem, stream),
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


def random_masks(masks: Masks, stream: Stream) -> Masks:
    """Masks of the same number of weights, drawn uniformly over all prunable weights: a sanity baseline."""
    generator = stream.generator()
    values = torch.zeros_like(masks.values)
    for row, active in zip(values, masks.active().tolist(), strict=True):
        row[torch.randperm(masks.layout.size, generator=generator)[:active]] = True
    return Masks(masks.layout, values)


def layer_shuffled_masks(masks: Masks, stream: Stream) -> Masks:
    """Masks shuffled within each layer: the densities of every layer stay, the positions lose their meaning."""
    generator = stream.generator()
    layers = [
        torch.stack([row[torch.randperm(row.numel(), generator=generator)] for row in layer])
        for layer in masks.layers().values()
    ]
    return Masks(masks.layout, torch.cat(layers, dim=1))
