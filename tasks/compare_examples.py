"""The step that compares methods example by example."""

import io

import pandas as pd

from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import cached_task
from tasks.tables.examples import joined_examples
from tasks.tables.margins import margins_table
from tasks.tables.published import read_csv
from tasks.tables.scores import to_csv


@cached_task(name="margins of {problem}")
def compare_examples(problem: str, parts: list[Reference], scoring: Reference) -> dict[str, Reference]:
    """References of examples.parquet and margins.csv, by name, from each method's file of examples, and scoring.csv.

    Where a problem has none, both are there, as DVC asks, with no row.
    """
    examples = joined_examples([STORE.get(part["sha256"]) for part in parts])
    directions = read_csv(io.BytesIO(STORE.get(scoring["sha256"])))
    margins = to_csv(margins_table(pd.read_parquet(io.BytesIO(examples)), directions))
    files = {"examples.parquet": examples, "margins.csv": margins}
    return {name: {"sha256": STORE.put(content)} for name, content in files.items()}
