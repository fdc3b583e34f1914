"""The file of scores of single test examples: one of each method's, and examples.parquet of all."""

import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS = pa.schema(
    {
        "method": pa.string(),
        "seed": pa.int64(),
        "sparsity": pa.float64(),
        "protocol": pa.string(),
        "metric": pa.string(),
        "subset": pa.string(),
        "example": pa.string(),
        "value": pa.float64(),
    }
)
OF_INSTANCES = COLUMNS.insert(0, pa.field("instance", pa.string()))


def examples_file(rows: Sequence[dict[str, Any]]) -> bytes:
    """Rows of scores as Parquet, with the column ``instance`` where they have it."""
    return _written(pa.Table.from_pylist(rows, OF_INSTANCES if "instance" in rows[0] else COLUMNS))


def joined_examples(files: Sequence[bytes]) -> bytes:
    """examples.parquet: the rows of all ``examples_file``, in their order; a table without rows where there is none."""
    parts = [pq.read_table(io.BytesIO(content)) for content in files]
    return _written(pa.concat_tables(parts or [COLUMNS.empty_table()]))


def _written(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()
