"""The step that draws the figures of a comparison."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.artefacts.store import STORE
from tasks.caching.cached_task import cached_task
from tasks.figures.catalogue import png, specs
from tasks.tables.published import of_instance, read_tables


@cached_task(name="figures of {name}", uses=("tasks.figures.catalogue", "tasks.tables.published"), version="4")
def draw(name: str, tables: dict[str, dict[str, str]]) -> dict[str, dict[str, dict[str, str]]]:
    """References of each figure's ``picture`` (PNG) and ``spec`` (Vega-Lite), by name, from those of the tables.

    ``name`` is that of a problem, whose run is drawn, or of one instance, as ``<problem>/<instance>``.
    """
    instance = name.partition("/")[2]
    with TemporaryDirectory() as folder:
        for file, reference in tables.items():
            Path(folder, file).write_bytes(STORE.get(reference["sha256"]))
        found = read_tables(Path(folder))
    return {
        figure: {
            "picture": {"sha256": STORE.put(png(spec))},
            "spec": {"sha256": STORE.put(json.dumps(spec).encode())},
        }
        for figure, spec in specs(of_instance(found, instance) if instance else found).items()
    }
