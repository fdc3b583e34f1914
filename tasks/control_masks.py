"""The step that makes the masks of a control, to the measure of RTL's."""

from rtl_core.construction import initial_weights
from rtl_core.controls import masks_for
from rtl_core.ticket_file import masks_to_bytes
from tasks.artefacts.masks_file import masks_in
from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.jobs.starting_point import layout_of


@cached_task(name="masks of {control}, seed {seed}, sparsity {sparsity}")
def control_masks(job: Job, control: str, seed: int, sparsity: float, masks: Reference) -> Reference:
    """Reference of a masks file, from that of RTL's masks at one sparsity."""
    problem, stream = load_problem(job), stream_of(job, seed)
    initial = initial_weights(problem, stream).prunable.detach()
    place = stream.at(method=control).at(draw="masks")
    made = masks_for(control, masks_in(masks, problem.subsets, layout_of(job)), initial, place)
    return {"sha256": STORE.put(masks_to_bytes(problem.subsets, made))}
