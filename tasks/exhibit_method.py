"""The steps that ask a problem for pictures of what came out, and the file of all pictures."""

import io
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from torch import Tensor

from rtl_core.problem import Exhibit
from rtl_core.ticket_file import tickets_from_bytes
from tasks.caching import cached_task
from tasks.job import Job, instance_of, load_problem
from tasks.methods import SINGLE_METHODS
from tasks.score_method import check_subsets, networks_of, single_network_of
from tasks.store import STORE
from tasks.timing import computing

COLUMNS = pa.schema(
    {
        "instance": pa.string(),
        "method": pa.string(),
        "seed": pa.int64(),
        "sparsity": pa.float64(),
        "exhibit": pa.string(),
        "png": pa.binary(),
    }
)
Rows = list[dict[str, Any]]


@cached_task(
    name="pictures of {method}, seed {seed}, sparsity {sparsity}",
    uses=("rtl_core.ticket_file", "rtl_core.tickets"),
    version="1",
)
def exhibit_method(job: Job, method: str, seed: int, sparsity: float, files: list[dict[str, str]]) -> Rows:
    """What the networks of one method do, from its ticket files: rows of exhibits.parquet, PNGs by reference."""
    sets = [tickets_from_bytes(STORE.get(file["sha256"]), file["path"]) for file in files]
    problem = load_problem(job)
    check_subsets(problem, method, sets)
    with computing():
        if method in SINGLE_METHODS:
            shown = problem.exhibit_single(single_network_of(problem, sets[0]))
        else:
            shown = problem.exhibit(networks_of(problem, sets))
    return _rows(job, method, seed, sparsity, shown)


@cached_task(name="pictures to hold results against", uses=("rtl_core.problem",), version="1")
def exhibit_references(job: Job, seed: int) -> Rows:
    """What results are to be held against: rows of exhibits.parquet of no method and no sparsity, PNGs by reference."""
    return _rows(job, "", seed, None, load_problem(job).references)


def exhibits_file(rows: Rows) -> dict[str, str]:
    """Reference of exhibits.parquet: every picture, as PNG, with its place and name.

    Columns: instance (empty where the problem is the one job), method, seed, sparsity, exhibit, png. Pictures to hold
    results against are of no method (empty) and no sparsity (NaN).
    """
    content = [{**row, "png": STORE.get(row["png"]["sha256"])} for row in rows]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(content, COLUMNS), buffer)
    return {"sha256": STORE.put(buffer.getvalue())}


def _rows(job: Job, method: str, seed: int, sparsity: float | None, shown: Iterable[Exhibit]) -> Rows:
    place = {"instance": instance_of(job), "method": method, "seed": seed, "sparsity": sparsity}
    return [{**place, "exhibit": name, "png": {"sha256": STORE.put(_png(pixels))}} for name, pixels in shown]


def _png(pixels: Tensor) -> bytes:
    """Pixels, uint8 [H, W, 3], without loss."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.cpu().numpy()).save(buffer, "png")
    return buffer.getvalue()
