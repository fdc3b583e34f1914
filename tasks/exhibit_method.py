"""The steps that ask a problem for pictures and sounds of what came out, and the files of all of them."""

import io
from collections.abc import Iterable

import soundfile
from PIL import Image
from torch import Tensor

from rtl_core.problem import Exhibit, Sound
from rtl_core.ticket_file import tickets_from_bytes
from tasks.artefacts.store import STORE
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job, instance_of, load_problem, stream_of
from tasks.process.computing_time import computing
from tasks.score_method import check_subsets, networks_of, single_network_of
from tasks.settings.methods import SINGLE_METHODS
from tasks.tables.exhibits import Rows


@cached_task(
    name="pictures of {method}, seed {seed}, sparsity {sparsity}",
    uses=("rtl_core.construction", "rtl_core.ticket_file", "rtl_core.tickets"),
    version="3",
)
def exhibit_method(job: Job, method: str, seed: int, sparsity: float, files: list[dict[str, str]]) -> Rows:
    """What the networks of one method do, from its ticket files: rows of exhibits.parquet, files by reference."""
    sets = [tickets_from_bytes(STORE.get(file["sha256"]), file["path"]) for file in files]
    problem = load_problem(job)
    check_subsets(problem, method, sets)
    stream = stream_of(job, seed)
    with computing():
        if method in SINGLE_METHODS:
            shown = problem.exhibit_single(single_network_of(problem, sets[0], stream))
        else:
            shown = problem.exhibit(networks_of(problem, sets, stream))
    return _rows(job, method, seed, sparsity, shown)


@cached_task(name="pictures to hold results against", uses=("rtl_core.problem",), version="3")
def exhibit_references(job: Job, seed: int) -> Rows:
    """What results are to be held against: rows of exhibits.parquet without method and sparsity."""
    return _rows(job, "", seed, None, load_problem(job).references)


def _rows(job: Job, method: str, seed: int, sparsity: float | None, shown: Iterable[Exhibit]) -> Rows:
    place = {"instance": instance_of(job), "method": method, "seed": seed, "sparsity": sparsity}
    rows = []
    for name, pixels, sound, example in shown:
        row = {**place, "exhibit": name, "png": {"sha256": STORE.put(_png(pixels))}}
        row |= {"flac": {"sha256": STORE.put(flac(sound))}} if sound else {}
        rows.append(row | ({"example": example} if example else {}))
    return rows


def flac(sound: Sound) -> bytes:
    """A sound at 16 bits a sample, those beyond −1 to 1 cut off there; multiples of 2⁻¹⁵ stay what they are."""
    samples = (sound.samples.detach().cpu().double() * 2**15).round().clamp(-(2**15), 2**15 - 1)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples.short().numpy(), sound.rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def _png(pixels: Tensor) -> bytes:
    """Pixels, uint8 [H, W, 3], without loss."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.cpu().numpy()).save(buffer, "png")
    return buffer.getvalue()
