"""The step that gathers the masks of K chains at one level into one masks file."""

import torch

from rtl_core.extraction import initial_weights
from rtl_core.masks import Masks
from rtl_core.similarity import check_union
from rtl_core.ticket_file import masks_to_bytes
from tasks.caching import cached_task
from tasks.chain_file import chain_from_bytes
from tasks.extract_round import chains_of
from tasks.job import Job, load_problem, stream_of
from tasks.store import STORE


@cached_task(
    name="masks of {method}, seed {seed}, sparsity {sparsity}",
    uses=("rtl_core.ticket_file", "rtl_core.similarity"),
    version="1",
)
def collect_masks(job: Job, method: str, seed: int, sparsity: float, chains: list[dict[str, str]]) -> dict[str, str]:
    """Reference of a masks file, from the references of the K chains in their order."""
    problem = load_problem(job)
    layout = initial_weights(problem, stream_of(job, seed)).layout
    masks = [chain_from_bytes(STORE.get(chain["sha256"]), layout.size).mask for chain in chains]
    gathered = Masks(layout, torch.stack(masks))
    check_union(gathered)
    return {"sha256": STORE.put(masks_to_bytes(tuple(chains_of(problem, method)), gathered))}
