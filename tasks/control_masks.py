"""The step that makes the masks of a control, to the measure of RTL's or from IMP single's."""

from rtl_core.construction import initial_weights
from rtl_core.controls import masks_for
from rtl_core.masks import Masks
from rtl_core.methods import METHODS
from rtl_core.ticket_file import masks_to_bytes
from tasks.artefacts.masks_file import masks_in
from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job, load_problem, stream_of, with_one_network
from tasks.jobs.starting_point import layout_of


@cached_task(name="masks of {control}, seed {seed}, sparsity {sparsity}")
def control_masks(job: Job, control: str, seed: int, sparsity: float, masks: Reference) -> Reference:
    """Reference of a masks file, from that of RTL's masks, or of IMP single's one mask, at one sparsity."""
    problem, stream = load_problem(job), stream_of(job, seed)
    initial = initial_weights(problem, stream).prunable.detach()
    place = stream.at(method=control).at(draw="masks")
    made = masks_for(control, _given(job, control, masks), initial, place)
    return {"sha256": STORE.put(masks_to_bytes(problem.subsets, made))}


def _given(job: Job, control: str, masks: Reference) -> Masks:
    """The masks of the K tickets that a control is made from."""
    subsets = load_problem(job).subsets
    if METHODS[control].masks_of == "rtl":
        return masks_in(masks, subsets, layout_of(job))
    one = masks_in(masks, load_problem(with_one_network(job)).subsets, layout_of(job))
    return one.select([0] * len(subsets))
