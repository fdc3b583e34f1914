"""Which sparsities masks exist at, by name of the job: all that were asked for, unless extraction ended at an alarm."""

import json
from typing import Any

from rtl_core.errors import DataError
from tasks.artefacts import paths
from tasks.artefacts.paths import JobName
from tasks.settings.methods import examined_method, rtl_methods
from tasks.settings.sections import ProblemSettings


def read_levels(job: JobName) -> dict[str, Any]:
    """What extraction reached: ``levels`` and ``rounds`` (sparsities), and ``alarms`` by seed.

    Raises:
        DataError: the extract stage has not run.
    """
    path = paths.levels(job)
    if not path.is_file():
        raise DataError(f"{path}: not found; run the extract stage first")
    return dict(json.loads(path.read_text()))


def compared_levels(job: JobName, settings: ProblemSettings) -> list[float]:
    """The levels at which methods are trained and compared, as far as extraction came.

    Raises:
        DataError: none of them exists, or the extract stage has not run.
    """
    reached = read_levels(job)["levels"]
    if not (compared := [sparsity for sparsity in settings.compared_sparsities if sparsity in reached]):
        raise DataError(f"{job}: extraction ended at {max(reached):g}, before every level that is to be compared")
    return compared


def retrained_places(job: JobName, settings: ProblemSettings) -> list[tuple[str, int, float]]:
    """Method, seed and sparsity of all of RTL's own tickets: those compared, and those only examined for collapse.

    Raises:
        DataError: as ``compared_levels``.
    """
    compared, reached = compared_levels(job, settings), read_levels(job)["levels"]
    examined = {sparsity for sparsity in settings.collapse.sparsities if sparsity in reached}
    return [
        (method, seed, sparsity)
        for method in rtl_methods(settings)
        for seed in settings.seeds
        for sparsity in sorted({*compared, *(examined if method == examined_method(settings) else ())})
    ]
