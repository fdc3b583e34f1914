"""How alike masks are: Jaccard similarity, over all weights and per layer, against what chance would give."""

from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

from rtl_core.masks import Masks


class Similarity(NamedTuple):
    """Of two masks in one layer (or ``all``): Jaccard, the Jaccard expected by chance, the excess over it."""

    layer: str
    subset_a: int
    subset_b: int
    jaccard: float
    chance: float
    excess: float


def jaccard(a: Tensor, b: Tensor) -> float:
    """|a ∩ b| / |a ∪ b| of two boolean masks of one shape (paper section 5); 1 for two empty ones."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def chance_jaccard(density_a: Tensor, density_b: Tensor, sizes: Tensor) -> float:
    """Jaccard expected of random masks with the given densities in each of L layers, float64 [L].

    Expected intersection over expected union; for two masks of one density q in one layer it is q / (2 − q).
    """
    both = density_a * density_b
    either = ((density_a + density_b - both) * sizes).sum().item()
    return (both * sizes).sum().item() / either if either else 1.0


def excess(similarity: float, chance: float) -> float:
    """(J − J₀) / (1 − J₀): 0 by chance, 1 for identical masks; 0 where chance itself gives 1."""
    return (similarity - chance) / (1 - chance) if chance < 1 else 0.0


def pairwise_similarity(masks: Masks) -> list[Similarity]:
    """Similarity of every pair of masks, over ``all`` prunable weights and per layer.

    Chance over all weights respects the density of each layer, so that masks shuffled within their layers
    have no excess.
    """
    layers = masks.layers()
    sizes = torch.tensor(masks.layout.lengths, dtype=torch.float64)
    densities = torch.stack([layer.double().mean(1) for layer in layers.values()], dim=1)
    found = []
    for a, b in combinations(range(len(masks)), 2):
        views = {"all": (masks[a], masks[b], slice(None))}
        views |= {name: (layer[a], layer[b], slice(i, i + 1)) for i, (name, layer) in enumerate(layers.items())}
        for name, (mask_a, mask_b, of) in views.items():
            j = jaccard(mask_a, mask_b)
            chance = chance_jaccard(densities[a, of], densities[b, of], sizes[of])
            found.append(Similarity(name, a, b, j, chance, excess(j, chance)))
    return found


def union_bounds(masks: Masks) -> tuple[float, float]:
    """Smallest and largest union that the pairwise Jaccard similarities of K masks allow.

    With n_k the size of mask k, a pair intersects in J (n_a + n_b) / (1 + J) weights. With S₁ the sum of the
    sizes and S₂ the sum of the intersections, the Dawson–Sankoff inequality bounds the union from below and
    S₁ − 2 S₂ / K from above.
    """
    active = masks.active().tolist()
    s1 = float(sum(active))
    s2 = 0.0
    for a, b in combinations(range(len(masks)), 2):
        j = jaccard(masks[a], masks[b])
        s2 += j * (active[a] + active[b]) / (1 + j)
    if not s1:
        return 0.0, 0.0
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
