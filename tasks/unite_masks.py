"""The step that makes one mask of RTL's, for one network that may use every weight that some ticket owns."""

from rtl_core.construction import initial_weights
from rtl_core.errors import SettingsError
from rtl_core.one_network import as_one_network
from rtl_core.ticket_file import masks_to_bytes
from tasks.artefacts.masks_file import masks_in
from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job, load_problem, stream_of


@cached_task(name="union of masks, seed {seed}, sparsity {sparsity}")
def unite_masks(job: Job, seed: int, sparsity: float, masks: Reference) -> Reference:
    """Reference of a masks file with one mask, from that of RTL's masks at one sparsity.

    Raises:
        SettingsError: the one network is of another shape than the tickets'.
    """
    problem, stream = load_problem(job), stream_of(job, seed)
    union, one = masks_in(masks, problem, stream).united(), as_one_network(problem)
    if union.layout != initial_weights(one, stream).layout:
        raise SettingsError("imp_single_union: the network of IMP single has other weights than the tickets'")
    return {"sha256": STORE.put(masks_to_bytes(one.subsets, union))}
