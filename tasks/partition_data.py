"""The step that reads the source data and splits them into subsets."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rtl_core.folder_contents import entries_below
from tasks.caching import cached_task
from tasks.settings import problem_class
from tasks.store import STORE


@cached_task(name="partition {problem}", uses=("rtl_core.problem",), version="2")
def partition_data(
    problem: str, import_path: str, code: str, settings: dict[str, Any], sources: dict[str, str]
) -> dict[str, Any]:
    """Files of the partitioned data set: name → artefact reference.

    ``code`` is a digest of the problem's source code, ``sources`` are those of the files it reads.
    """
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        problem_class(import_path).partition(folder, **settings)
        files = sorted(path for path in entries_below(folder) if path.is_file())
        return {str(path.relative_to(folder)): {"sha256": STORE.put_file(path)} for path in files}
