"""The step that draws the figures of a comparison."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import cached_task
from tasks.figures.catalogue import png, specs
from tasks.tables.published import of_instance, read_tables


@cached_task(name="figures of {name}")
def draw(name: str, instance: str, tables: dict[str, Reference]) -> dict[str, dict[str, Reference]]:
    """References of each figure's ``picture`` (PNG) and ``spec`` (Vega-Lite), by name.

    Args:
        name: what is drawn, for people to read.
        instance: the one that is drawn; empty where a whole run is, or the one job.
        tables: references by file name.
    """
    with TemporaryDirectory() as folder:
        for file, reference in tables.items():
            Path(folder, file).write_bytes(STORE.get(reference["sha256"]))
        contents = read_tables(Path(folder))
    return {
        figure: {
            "picture": {"sha256": STORE.put(png(spec))},
            "spec": {"sha256": STORE.put(json.dumps(spec).encode())},
        }
        for figure, spec in specs(of_instance(contents, instance) if instance else contents).items()
    }
