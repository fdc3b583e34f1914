"""The step that compares methods example by example."""

import io

import pandas as pd

from tasks.caching import cached_task
from tasks.examples_file import joined_examples
from tasks.margins import margins_table
from tasks.store import STORE
from tasks.tables import to_csv


@cached_task(
    name="margins of {problem}", uses=("rtl_core.intervals", "tasks.examples_file", "tasks.margins"), version="1"
)
def compare_examples(problem: str, parts: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    """References of examples.parquet and margins.csv, by name, from each method's file of examples.

    Where a problem has none, both are there, as DVC asks, with no row.
    """
    examples = joined_examples([STORE.get(part["sha256"]) for part in parts])
    margins = to_csv(margins_table(pd.read_parquet(io.BytesIO(examples))))
    files = {"examples.parquet": examples, "margins.csv": margins}
    return {name: {"sha256": STORE.put(content)} for name, content in files.items()}
