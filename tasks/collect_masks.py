"""The steps that gather the masks of several chains after one round into one masks file."""

import torch

from rtl_core.masks import Masks
from rtl_core.pruning import prune_to
from rtl_core.similarity import check_union
from rtl_core.ticket_file import masks_to_bytes
from tasks.artefacts.chain_file import chain_from_bytes
from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job
from tasks.jobs.starting_point import layout_of


@cached_task(name="masks of {method}, seed {seed}, sparsity {sparsity}")
def collect_masks(
    job: Job, method: str, seed: int, sparsity: float, names: list[str], chains: list[Reference]
) -> Reference:
    """Reference of a masks file, from the references of chains that all reached one sparsity, and their names."""
    layout = layout_of(job)
    masks = [chain_from_bytes(STORE.get(chain["sha256"]), layout.size).mask for chain in chains]
    gathered = Masks(layout, torch.stack(masks))
    check_union(gathered)
    return {"sha256": STORE.put(masks_to_bytes(names, gathered))}


@cached_task(name="masks after epoch {epoch}, seed {seed}")
def masks_after_epoch(
    job: Job, seed: int, epoch: int, sparsity: float, names: list[str], chains: list[Reference]
) -> Reference:
    """Reference of the masks that the magnitudes of the K trained networks would give at one sparsity.

    It shows what training does to masks apart from how many weights have left. The chains are RTL's after a round
    that did not rewind, with fewer weights pruned than ``sparsity`` asks for.
    """
    layout = layout_of(job)
    reached = [chain_from_bytes(STORE.get(chain["sha256"]), layout.size) for chain in chains]
    masks = [prune_to(chain.carried["weights"], chain.mask, sparsity) for chain in reached]
    return {"sha256": STORE.put(masks_to_bytes(names, Masks(layout, torch.stack(masks))))}
