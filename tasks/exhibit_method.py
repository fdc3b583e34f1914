"""The steps that ask a problem for pictures and sounds of what came out."""

import io
from collections.abc import Iterable

import soundfile
from PIL import Image
from torch import Tensor

from rtl_core.construction import networks_of
from rtl_core.problem import Exhibit, Sound
from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import cached_task
from tasks.jobs.job import Job, load_problem, stream_of
from tasks.jobs.ticket_sets import ticket_sets
from tasks.process.computing_time import spending
from tasks.tables.exhibits import Rows


@cached_task(name="pictures of {method}, seed {seed}, sparsity {sparsity}")
def exhibit_method(job: Job, method: str, seed: int, sparsity: float, files: list[Reference]) -> Rows:
    """What the networks of one method do, from its ticket files: rows of exhibits.parquet, files by reference."""
    problem, stream = load_problem(job), stream_of(job, seed)
    sets = ticket_sets(problem, method, files)
    with spending("scoring"):
        exhibits = problem.exhibit(networks_of(problem, sets, stream))
    return _rows(job, method, seed, sparsity, exhibits)


@cached_task(name="pictures to hold results against")
def exhibit_references(job: Job, seed: int) -> Rows:
    """What results are to be held against: rows of exhibits.parquet without method and sparsity."""
    return _rows(job, "", seed, None, load_problem(job).references)


def _rows(job: Job, method: str, seed: int, sparsity: float | None, exhibits: Iterable[Exhibit]) -> Rows:
    place = {"instance": job["instance"], "method": method, "seed": seed, "sparsity": sparsity}
    rows = []
    for name, pixels, sound, example in exhibits:
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
