"""Which weights leave next, how many, and after which round: global magnitude pruning with exact counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from rtl_core.errors import SettingsError
from rtl_core.masks import Masks


def prune_smallest(weights: Tensor, mask: Tensor, count: int) -> Tensor:
    """Remove from a mask the ``count`` surviving weights of smallest magnitude (paper Algorithm 1).

    Exactly ``count`` leave, whatever the ties: among equal magnitudes the one that stands first leaves first.

    Args:
        weights: trained weights, float [d], over all prunable tensors at once (global pruning).
        mask: the surviving weights, bool [d].
        count: how many leave, from 0 to the number that survive.

    Returns:
        The new mask, bool [d].

    Raises:
        ValueError: more weights are to leave than survive, or a surviving weight is not a number.
    """
    survivors = mask.nonzero().squeeze(1)
    if not 0 <= count <= len(survivors):
        raise ValueError(f"cannot prune {count} of {len(survivors)} surviving weights")
    magnitudes = weights.detach()[survivors].abs()
    if magnitudes.isnan().any():
        raise ValueError("a surviving weight is not a number")
    leaving = survivors[torch.sort(magnitudes, stable=True).indices[:count]]
    pruned = mask.clone()
    pruned[leaving] = False
    return pruned


def prune_to(weights: Tensor, mask: Tensor, sparsity: float) -> Tensor:
    """Remove from a mask, bool [d], what is smallest in ``weights``, float [d], until a share of all is at zero.

    Raises:
        ValueError: more are at zero already.
    """
    remaining = len(mask) - round(sparsity * len(mask))
    return prune_smallest(weights, mask, int(mask.sum()) - remaining)


def largest_masks(masks: Masks, weights: Tensor) -> Masks:
    """Masks of as many weights as each of ``masks`` has, those of largest magnitude in ``weights``, float [d]."""
    everything, weights = torch.ones_like(masks.values[0]), weights.to(masks.values.device)
    active: list[int] = masks.active().tolist()
    rows = {count: prune_smallest(weights, everything, masks.layout.size - count) for count in set(active)}
    return Masks(masks.layout, torch.stack([rows[count] for count in active]))


@dataclass(frozen=True)
class Round:
    """One pruning round: train, prune ``count`` weights so that ``remaining`` survive, then perhaps rewind.

    ``sparsity`` is the level this round reaches exactly, or None between levels.
    """

    number: int
    count: int
    remaining: int
    sparsity: float | None
    rewinds: bool


def plan_rounds(
    prunable: int, sparsities: Sequence[float], weights_per_round: int | float, rewind_every: int
) -> list[Round]:
    """The rounds of one chain, through every sparsity level in turn (paper sections 2 and 7).

    Args:
        prunable: number of prunable weights d.
        sparsities: levels to reach, strictly increasing in (0, 1); each is met by the exact count
            round(sparsity * d).
        weights_per_round: a whole number of weights, or a share in (0, 1) of those that survive; the last
            round before a level prunes only what the level still lacks.
        rewind_every: rewind to the initial weights after this many rounds (1 = Algorithm 1 to the letter).

    Raises:
        SettingsError: a level leaves no weight, or prunes none beyond the one before it.
    """
    rounds: list[Round] = []
    remaining = prunable
    for sparsity in sparsities:
        target = prunable - round(sparsity * prunable)
        if not 0 < target < remaining:
            raise SettingsError(
                f"sparsity {sparsity} of {prunable} prunable weights leaves {target} of the {remaining} before it"
            )
        while remaining > target:
            share = isinstance(weights_per_round, float)
            step = ceil(weights_per_round * remaining) if share else int(weights_per_round)
            count = min(step, remaining - target)
            remaining -= count
            number = len(rounds) + 1
            level = sparsity if remaining == target else None
            rounds.append(Round(number, count, remaining, level, number % rewind_every == 0))
    return rounds
