"""How often the right ticket is found, and how good its answer is, beside the ticket of the known context."""

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

import torch
from torch import Tensor

from rtl_core.errors import DataError, SettingsError
from rtl_core.problem import Score
from rtl_core.randomness import Stream
from rtl_core.scoring import MEAN

PROTOCOL, METRIC = "routed", "accuracy"


class Quality(NamedTuple):
    """Figures of K contexts, float64 [K] each.

    Attributes:
        found: share of the examples or batches of a context for which its own ticket was taken.
        routed: accuracy of the tickets taken.
        known: accuracy of the context's own ticket, on the same examples.
    """

    found: Tensor
    routed: Tensor
    known: Tensor


def one_context_batches(context: Tensor, size: int, draws: int, subsets: Sequence[str], stream: Stream) -> Tensor:
    """Batches of examples of one context: int64 [K · draws, size], numbers of examples, each at most once in a batch.

    A size of 1 gives every example once, int64 [N, 1], whatever ``draws``.

    Args:
        context: of each example, int64 [N].
        size: examples a batch.
        draws: batches of each context.
        subsets: names of the K contexts.
        stream: where they are drawn from.

    Raises:
        SettingsError: ``size`` or ``draws`` is below 1.
        DataError: a context has too few examples.
    """
    if size < 1 or draws < 1:
        raise SettingsError(f"batches of one context: found {draws} of {size}; allowed: 1 and more")
    if size == 1:
        return torch.arange(len(context)).unsqueeze(1)
    batches = []
    for k, name in enumerate(subsets):
        own = (context == k).nonzero().squeeze(1)
        if len(own) < size:
            raise DataError(f"context {name!r}: found {len(own)} examples; allowed: {size} and more, for a batch")
        generator = stream.at(draw="batches of one context", size=size, subset=name).generator()
        batches += [own[torch.randperm(len(own), generator=generator)[:size]] for _ in range(draws)]
    return torch.stack(batches)


def quality(choice: Tensor, context: Tensor, batches: Tensor, right: Tensor) -> Quality:
    """Of one choice for each batch.

    Args:
        choice: the ticket of each batch, int64 [M].
        context: of each example, int64 [N].
        batches: int64 [M, B], each of one context.
        right: whether ticket k is right of example n, bool [N, K].
    """
    truth = context[batches[:, 0]]
    rows = torch.arange(len(batches))
    routed, known = (right[batches][rows, :, ticket].double().mean(1) for ticket in (choice, truth))
    return Quality(*(of_contexts(values, truth, right.shape[1]) for values in (choice == truth, routed, known)))


def of_contexts(values: Tensor, truth: Tensor, num_contexts: int) -> Tensor:
    """Means of values [M] over the batches of each context, ``truth`` int64 [M]: float64 [K]."""
    return torch.stack([values[truth == k].double().mean() for k in range(num_contexts)])


def routed_scores(values: Tensor, subsets: Sequence[str], chances: Sequence[float]) -> list[Score]:
    """Accuracies float [K] as scores under the protocol ``routed``, and their mean."""
    rows = zip((*subsets, MEAN), [*values.tolist(), values.mean().item()], [*chances, fmean(chances)], strict=True)
    return [Score(PROTOCOL, METRIC, *row[:2], higher_is_better=True, chance=row[2]) for row in rows]
