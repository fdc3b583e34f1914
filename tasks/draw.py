"""The step that draws the pictures of a comparison."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.caching import cached_task
from tasks.figures import figures, png
from tasks.published_tables import of_instance, read_tables
from tasks.store import STORE


@cached_task(name="figures of {name}", uses=("tasks.figures", "tasks.published_tables"), version="2")
def draw(name: str, tables: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """References of the pictures, by path below ``artifacts/<problem>``, from the references of the tables.

    ``name`` is that of a problem, whose run is drawn, or of one instance, as ``<problem>/<instance>``.
    """
    instance = name.partition("/")[2]
    with TemporaryDirectory() as folder:
        for file, reference in tables.items():
            Path(folder, file).write_bytes(STORE.get(reference["sha256"]))
        found = read_tables(Path(folder))
    charts = figures(of_instance(found, instance) if instance else found)
    below = Path("figures", instance)
    return {str(below / f"{figure}.png"): {"sha256": STORE.put(png(chart))} for figure, chart in charts.items()}
