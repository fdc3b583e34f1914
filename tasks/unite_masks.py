"""The step that makes one mask of RTL's, for one network that may use every weight that some ticket owns."""

from rtl_core.ticket_file import masks_to_bytes
from tasks.artefacts.masks_file import masks_in
from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job, load_problem, with_one_network
from tasks.jobs.starting_point import layout_of


@cached_task(name="union of masks, seed {seed}, sparsity {sparsity}")
def unite_masks(job: Job, seed: int, sparsity: float, masks: Reference) -> Reference:
    """Reference of a masks file with one mask, from that of RTL's masks at one sparsity."""
    problem, one = load_problem(job), with_one_network(job)
    union = masks_in(masks, problem.subsets, layout_of(job)).united()
    return {"sha256": STORE.put(masks_to_bytes(load_problem(one).subsets, union))}
