"""Tickets that share what should be their own."""

from collections.abc import Sequence
from dataclasses import replace

from rtl_core.batch_statistics import shared_statistics
from rtl_core.problem import Objective
from rtl_core.randomness import Stream
from rtl_core.tickets import Tickets
from rtl_core.weights import FlatWeights


def with_shared_statistics(
    weights: FlatWeights, tickets: Tickets, objectives: Sequence[Objective], stream: Stream
) -> Tickets:
    """The same tickets with one set of batch statistics, averaged over all of their training batches in turn.

    ``weights`` is a network of the right architecture; it is used up.
    """
    dense = weights.dense_layout.join(tickets.dense)
    statistics = shared_statistics(weights, tickets.weights, dense, tickets.masks, objectives, stream)
    copies = ({name: value.clone() for name, value in statistics.items()} for _ in tickets.subsets)
    return replace(tickets, statistics=tuple(copies))
