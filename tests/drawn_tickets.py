"""Tickets of a problem that were never trained, for what does not depend on how good they are."""

from collections.abc import Sequence

import torch

from rtl_core.construction import initial_weights
from rtl_core.describing import described
from rtl_core.masks import Masks
from rtl_core.problem import Problem
from rtl_core.randomness import Stream
from rtl_core.tickets import Tickets
from rtl_core.use.tickets_in_use import TicketsInUse

STREAM = Stream(0).at(problem="drawn")


def drawn_tickets(problem: Problem) -> Tickets:
    """Random masks that cover half of θ₀, and buffers of numbers with fractions that differ from ticket to ticket."""
    weights, count = initial_weights(problem, STREAM), len(problem.subsets)
    generator = torch.Generator().manual_seed(1)
    masks = Masks(weights.layout, torch.rand(count, weights.layout.size, generator=generator) < 0.5)
    theta = weights.prunable.detach().clone() * masks.union()
    dense = {name: part.clone() for name, part in weights.dense_layout.split(weights.dense.detach()).items()}
    statistics = tuple(
        {name: value + 0.1 * k if "running" in name else value.clone() for name, value in weights.buffers().items()}
        for k in range(count)
    )
    return Tickets(problem.subsets, masks, theta, dense, statistics)


def drawn_in_use(problem: Problem, allow: Sequence[str] = ()) -> TicketsInUse:
    """The same, as they are read from their file, which is called x."""
    return TicketsInUse.of(described(drawn_tickets(problem), problem, "rtl", 0.5, 0, []), "x", allow, "cpu")
