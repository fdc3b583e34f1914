"""What speaks against taking a result at its word?"""

from collections.abc import Sequence
from itertools import islice
from math import isclose, isfinite, isnan
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from rtl_core.dropout import nothing_dropped
from rtl_core.precision import products_in
from rtl_core.problem import Batch, Objective
from rtl_core.randomness import Stream
from rtl_core.tickets import Tickets
from rtl_core.training import batches_of
from rtl_core.weights import FlatWeights, to_cpu

MOST_BATCHES = 4
"""Training batches of a ticket over which its loss is taken, at most."""
ROUNDING, CLEARLY = 1e-5, 0.1
"""Shares of a loss: what float32 may lose in a sum over a batch, and what no other batch will take back."""
FEWEST = 3
"""Values of which a spread says something."""
ERROR = 0.05


def layers_without_weights(tickets: Tickets) -> dict[str, list[str]]:
    """The names of the weight tensors of which a ticket's mask keeps nothing, by ticket; no entry where there is none.

    What comes after such a layer learns nothing of what comes before it, unless another path leads around it.
    """
    kept = {name: masks.any(1) for name, masks in tickets.masks.layers().items()}
    empty = {
        ticket: [name for name, any_kept in kept.items() if not any_kept[number]]
        for number, ticket in enumerate(tickets.subsets)
    }
    return {ticket: names for ticket, names in empty.items() if names}


def losses_not_fallen(
    tickets: Tickets, objectives: Sequence[Objective], initial: FlatWeights, stream: Stream
) -> dict[str, tuple[float, float]]:
    """The tickets whose loss is no lower after training than under the same mask at θ₀: both losses, by ticket.

    Both are means over a few of the ticket's own training batches, the same ones, taken in training mode: with the
    statistics of each batch, as training itself took them, though nothing is dropped. They differ in the weights alone,
    so that weights that never moved are seen as such whatever mask and batches are drawn; statistics of an epoch, as a
    ticket is scored with, would cost as much as scoring does. One batch is enough where the loss fell by a tenth; else
    there are up to four.

    Args:
        tickets: K of them; left as they are.
        objectives: what each of the K was trained on.
        initial: a network at θ₀, of the right architecture; its values are left as they are.
        stream: where the order of the batches is drawn from.

    Raises:
        DataError: an objective has no batch.
    """
    start = to_cpu(initial.prunable), to_cpu(initial.dense)
    trained = tickets.weights, initial.dense_layout.join(tickets.dense)
    not_fallen = {}
    for mask, objective, ticket in zip(tickets.masks.values, objectives, tickets.subsets, strict=True):
        before, after = [], []
        for batch in islice(batches_of(objective, [stream.at(subset=ticket)]), MOST_BATCHES):
            before.append(_loss(initial, mask, start, objective, batch))
            after.append(_loss(initial, mask, trained, objective, batch))
            if has_fallen(fmean(before), fmean(after), CLEARLY):
                break
        if not has_fallen(fmean(before), fmean(after)):
            not_fallen[ticket] = fmean(before), fmean(after)
    initial.load(*start)
    return not_fallen


def has_fallen(before: float, after: float, share: float = ROUNDING) -> bool:
    """Whether a loss is lower than it was by more than a share of the larger; one that became finite is."""
    if not (isfinite(before) and isfinite(after)):
        return isfinite(after)
    return after < before - share * max(abs(before), abs(after))


def is_at_chance(values: Sequence[float], chances: Sequence[float], higher_is_better: bool) -> bool:
    """Whether scores are no better than chance, or not by more than their own spread may have done.

    Better means: the mean lead over chance is above zero (t test, one-sided, 5 %), or the leads are on the whole (rank
    test of Wilcoxon), which leads of very different size cannot hide. Fewer than three scores, whose spread says
    little, are better where their mean is. Undefined scores (NaN) are passed over; where all are, nothing is at chance.

    Args:
        values: one of each subset, seed and instance.
        chances: what chance would give in the place of each.
        higher_is_better: the direction of the metric.
    """
    pairs = [(value, chance) for value, chance in zip(values, chances, strict=True) if not isnan(value)]
    leads = np.array([0.0 if isclose(*pair, rel_tol=ROUNDING) else pair[0] - pair[1] for pair in pairs])
    leads = leads if higher_is_better else -leads
    if not len(leads):
        return False
    if len(leads) < FEWEST or np.ptp(leads) == 0 or leads.mean() <= 0:
        return bool(leads.mean() <= 0)
    from scipy.stats import t, wilcoxon  # takes half a second to import

    error = leads.std(ddof=1) / len(leads) ** 0.5
    if leads.mean() > t.ppf(1 - ERROR, len(leads) - 1) * error:
        return False
    return bool(wilcoxon(leads, alternative="greater").pvalue >= ERROR)


@torch.no_grad()
def _loss(
    weights: FlatWeights, mask: Tensor, values: tuple[Tensor, Tensor], objective: Objective, batch: Batch
) -> float:
    prunable, dense = values
    weights.load(prunable * mask, dense)
    with nothing_dropped(weights.network.train()), products_in("float32", weights.prunable.device):
        return objective.loss(weights.network, batch).item()
