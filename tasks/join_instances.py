"""The step that puts the tables of several instances together."""

import csv
import io

import pandas as pd

from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import cached_task

Files = dict[str, Reference]


@cached_task(name="tables of all instances of {problem}")
def join_instances(problem: str, tables: dict[str, Files]) -> Files:
    """References of tables (CSV, Parquet) of the same names, with the column ``instance`` before all others.

    Args:
        problem: a section of params.yaml.
        tables: references by file name, by instance.
    """
    joined: Files = {}
    for name in next(iter(tables.values())):
        parts = {instance: STORE.get(tables[instance][name]["sha256"]) for instance in sorted(tables)}
        content = _joined_parquet(parts) if name.endswith(".parquet") else _joined_csv(parts)
        joined[name] = {"sha256": STORE.put(content)}
    return joined


def _joined_csv(parts: dict[str, bytes]) -> bytes:
    """Cell by cell, as text: every number stays as it was written."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for number, (instance, part) in enumerate(parts.items()):
        header, *rows = csv.reader(io.StringIO(part.decode(), newline=""))
        if number == 0:
            writer.writerow(["instance", *header])
        writer.writerows([instance, *row] for row in rows)
    return buffer.getvalue().encode()


def _joined_parquet(parts: dict[str, bytes]) -> bytes:
    """Names, of which instances have different ones, become categories of the whole."""
    tables = []
    for instance, part in parts.items():
        table = pd.read_parquet(io.BytesIO(part))
        table.insert(0, "instance", instance)
        tables.append(table)
    names = ["instance", *tables[0].select_dtypes("category")]
    buffer = io.BytesIO()
    pd.concat(tables, ignore_index=True).astype(dict.fromkeys(names, "category")).to_parquet(buffer, index=False)
    return buffer.getvalue()
