"""The step that reads the source data and splits them into subsets."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from rtl_core.folder_contents import entries_below
from tasks.artefacts.store import STORE
from tasks.caching.cached_task import cached_task
from tasks.settings.problem_settings import problem_class
from tasks.sources.problem_files import made_of_named_files, partition_sources


@cached_task(name="partition {problem}")
def partition_data(
    problem: str, import_path: str, code: str, settings: dict[str, Any], sources: dict[str, str]
) -> dict[str, Any]:
    """Files of the partitioned data set: name → artefact reference.

    ``code`` is a digest of the problem's source code, ``sources`` are those of the files it reads.
    """
    cls = problem_class(import_path)
    with TemporaryDirectory() as scratch:

        def read() -> Path:
            folder = Path(mkdtemp(dir=scratch))
            cls.partition(folder, **settings)
            return folder

        named = partial(partition_sources, cls, settings)
        folder = made_of_named_files(read, import_path, "source_files", named, Path(scratch))
        files = sorted(path for path in entries_below(folder) if path.is_file())
        return {str(path.relative_to(folder)): {"sha256": STORE.put_file(path)} for path in files}
