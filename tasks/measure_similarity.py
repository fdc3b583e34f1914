"""The step that compares the masks of one seed and level with one another."""

from typing import Any

from rtl_core.similarity import pairwise_similarity
from rtl_core.ticket_file import masks_from_bytes
from tasks.caching import cached_task
from tasks.store import STORE


@cached_task(
    name="similarity of {method}, seed {seed}, sparsity {sparsity}",
    uses=("rtl_core.similarity", "rtl_core.ticket_file"),
    version="1",
)
def measure_similarity(method: str, seed: int, sparsity: float, masks: dict[str, str]) -> list[dict[str, Any]]:
    """Rows of similarity.csv: every pair of masks, over all weights and per layer."""
    subsets, found = masks_from_bytes(STORE.get(masks["sha256"]), masks["path"])
    return [
        {"masks": method, "seed": seed, "sparsity": sparsity, **row._asdict()}
        | {"subset_a": subsets[row.subset_a], "subset_b": subsets[row.subset_b]}
        for row in pairwise_similarity(found)
    ]
