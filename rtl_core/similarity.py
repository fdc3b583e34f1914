"""How alike masks are: Jaccard similarity, over all weights and by layer, against what chance would give."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from rtl_core.masks import Masks
from rtl_core.pruning import largest_masks

ALL = "all"
DEPTHS = ("shallow", "middle", "deep")
"""Thirds of the prunable layers, in the network's own order."""

Pairs = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Similarity:
    """How alike P pairs of masks are, in each of G groups of layers.

    Attributes:
        groups: names of the groups: ``all`` prunable weights, the ``DEPTHS``, then every layer by itself.
        pairs: the two masks of each pair, by number.
        jaccard: |a ∩ b| / |a ∪ b|, float64 [P, G] (paper section 5); 1 for two empty masks.
        chance: the Jaccard expected of random masks with the same density in every layer, float64 [P, G].
    """

    groups: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]
    jaccard: Tensor
    chance: Tensor

    @property
    def excess(self) -> Tensor:
        """(J − J₀) / (1 − J₀), float64 [P, G]: 0 by chance, 1 for identical masks; 0 where chance itself gives 1."""
        room = 1 - self.chance
        return torch.where(room > 0, (self.jaccard - self.chance) / room.clamp_min(1e-300), 0.0)


def every_pair(count: int) -> Pairs:
    """Each two of ``count`` masks, once."""
    return list(combinations(range(count), 2))


def similarity(masks: Masks, pairs: Pairs) -> Similarity:
    """Similarity of pairs of masks.

    Chance is the expected intersection over the expected union; for two masks of one density q in one layer it is
    q / (2 − q). Over several layers it respects the density of each, so that masks shuffled within their layers
    have no excess.
    """
    layers = masks.layers()
    a, b = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).unbind(1)
    sizes = torch.tensor(masks.layout.lengths, dtype=torch.float64)
    active = torch.stack([layer.sum(1) for layer in layers.values()], dim=1).double()
    both = torch.stack([_intersections(layer)[a, b] for layer in layers.values()], dim=1)
    expected = active[a] * active[b] / sizes
    total = active[a] + active[b]
    names, members = _groups(masks.layout.names)
    return Similarity(
        names,
        tuple((int(first), int(second)) for first, second in pairs),
        _ratio(both @ members, (total - both) @ members),
        _ratio(expected @ members, (total - expected) @ members),
    )


def departures(masks: Masks, initial: Tensor) -> Masks:
    """Where each mask differs from the one that keeps as many of the largest weights of θ₀ (float [d]).

    All tickets start from one θ₀, which makes their masks alike, the more so the less they have been trained since
    the last rewind. Their departures from θ₀'s mask are what training did: the Jaccard similarity of departures
    tells whether it did the same to all.
    """
    return Masks(masks.layout, masks.values ^ largest_masks(masks, initial).values)


def union_bounds(masks: Masks) -> tuple[float, float]:
    """Smallest and largest union that the pairwise Jaccard similarities of K masks allow.

    With n_k the size of mask k, a pair intersects in J (n_a + n_b) / (1 + J) weights. With S₁ the sum of the
    sizes and S₂ the sum of the intersections, the Dawson–Sankoff inequality bounds the union from below and
    S₁ − 2 S₂ / K from above.
    """
    pairs = every_pair(len(masks))
    active = masks.active().double()
    s1 = active.sum().item()
    if not s1:
        return 0.0, 0.0
    jaccard = similarity(masks, pairs).jaccard[:, 0]
    sizes = torch.tensor([(active[a] + active[b]).item() for a, b in pairs], dtype=torch.float64)
    s2 = (jaccard * sizes / (1 + jaccard)).sum().item()
    m = int(2 * s2 / s1) + 1
    return 2 * s1 / (m + 1) - 2 * s2 / (m * (m + 1)), s1 - 2 * s2 / len(masks)


def check_union(masks: Masks) -> None:
    """Check that union size and pairwise Jaccard tell the same story.

    Raises:
        ValueError: the union lies outside what the similarities allow: one of the two is computed wrongly.
    """
    union = int(masks.union().sum())
    low, high = union_bounds(masks)
    slack = 1e-6 * max(high, 1.0)
    if not low - slack <= union <= high + slack:
        raise ValueError(f"union of {union} weights, but the pairwise Jaccard allows {low:.1f} to {high:.1f}")


def _intersections(layer: Tensor) -> Tensor:
    """Sizes of all pairwise intersections, float64 [K, K], of masks bool [K, n]; exact below 2²⁴ weights."""
    values = layer.float()
    return (values @ values.T).double()


def _groups(layers: Sequence[str]) -> tuple[tuple[str, ...], Tensor]:
    """Names of the groups, and which of the L layers each holds, float64 [L, G]."""
    count = len(layers)
    depth_of = [DEPTHS[position * len(DEPTHS) // count] for position in range(count)]
    depths = [name for name in DEPTHS if name in depth_of]
    members = [torch.ones(count)]
    members += [torch.tensor([float(depth == name) for depth in depth_of]) for name in depths]
    return (ALL, *depths, *layers), torch.stack([*members, *torch.eye(count)], dim=1).double()


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return torch.where(whole > 0, part / whole.clamp_min(1e-300), 1.0)
