"""The step that draws the pictures of a comparison."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.caching import cached_task
from tasks.figures import figures, png
from tasks.published_tables import read_tables
from tasks.store import STORE


@cached_task(name="figures of {problem}", uses=("tasks.figures", "tasks.published_tables"), version="1")
def draw(problem: str, tables: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """References of the pictures, by path below ``artifacts/<problem>``, from the references of the tables."""
    with TemporaryDirectory() as folder:
        for name, reference in tables.items():
            Path(folder, name).write_bytes(STORE.get(reference["sha256"]))
        charts = figures(read_tables(Path(folder)))
    return {f"figures/{name}.png": {"sha256": STORE.put(png(chart))} for name, chart in charts.items()}
