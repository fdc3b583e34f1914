"""The step that compares the masks of one seed after one round with one another, and with what θ₀ alone gives."""

from typing import Any

import torch

from rtl_core.masks import Masks
from rtl_core.pruning import largest_masks
from rtl_core.similarity import departures, every_pair, similarity
from rtl_core.ticket_file import masks_from_bytes
from tasks.artefacts.similarity_file import similarity_to_bytes
from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job
from tasks.jobs.starting_point import starting_weights


@cached_task(name="similarity of {method}, seed {seed}, sparsity {sparsity}")
def measure_similarity(
    job: Job, method: str, seed: int, sparsity: float, masks: Reference, start: Reference | None
) -> dict[str, Any]:
    """References of the similarities of every pair of masks, of every pair of their departures from θ₀'s mask, and
    of each mask with that; beside these the size of the union, and what is shown and watched after every round.

    ``start`` is what the masks were rewound to, None for θ₀.
    """
    names, own = masks_from_bytes(STORE.get(masks["sha256"]), masks["sha256"])
    origin = starting_weights(job, seed, start).prunable.detach().cpu()
    count = len(names)
    with_origin = torch.cat([own.values, largest_masks(own.select([0]), origin).values])
    measured = {
        "pairs": similarity(own, every_pair(count)),
        "departures": similarity(departures(own, origin), every_pair(count)),
        "initial": similarity(Masks(own.layout, with_origin), [(k, count) for k in range(count)]),
    }
    files = {name: STORE.put(similarity_to_bytes(kind, (*names, "θ₀"))) for name, kind in measured.items()}
    return {
        **{name: {"sha256": digest} for name, digest in files.items()},
        "union": int(own.union().sum()),
        "jaccard": measured["pairs"].jaccard[:, 0].mean().item(),
        "excess": measured["pairs"].excess[:, 0].mean().item(),
        "departure": measured["departures"].jaccard[:, 0].mean().item(),
    }
