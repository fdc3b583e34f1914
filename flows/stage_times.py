"""How long each stage took, and how much of that was training and scoring."""

import json
import sys
import time
from collections.abc import Sequence

import psutil

from tasks.artefacts import paths
from tasks.artefacts.whole_file import write_atomically
from tasks.process.computing_time import PARTS, take_times

_ends: list[float] = []


def record_stage(problem: str, stage: str, began: float) -> float:
    """Keep the times of one stage: from the start of the process, or the end of the stage before, until now; the
    seconds in between.

    The file holds epoch seconds: ``start``, ``began`` where the flow began, and ``end``; and seconds in between of what
    threads were at (``take_times``).
    """
    start = _ends[-1] if _ends else time.time() - _age()
    _ends.append(time.time())
    times = {"start": start, "began": began, "end": _ends[-1], **take_times()}
    write_atomically(paths.timing(problem, stage), json.dumps(times).encode())
    return _ends[-1] - start


def _age() -> float:
    """Seconds since this process began, by the clock that nobody sets: the time of day may have been set meanwhile."""
    created = psutil.Process().create_time()
    if sys.platform != "linux":
        return time.time() - created
    return time.clock_gettime(time.CLOCK_BOOTTIME) - (created - psutil.boot_time())


def stage_times(problems: Sequence[str], since: float = 0.0) -> dict[str, dict[str, float]]:
    """Seconds that the last run of each stage took, and how many of them were training and scoring.

    Args:
        problems: sections of params.yaml.
        since: leave out stages that began before this moment (seconds of the epoch).
    """
    return {
        f"{problem} {stage}": {"seconds": times["end"] - times["start"], "computing": times["computing"]}
        for problem in problems
        for stage, times in _records(problem).items()
        if times["start"] >= since
    }


def stage_profiles(problem: str) -> dict[str, dict[str, float]]:
    """Where the seconds of the last run of each stage went, by stage.

    ``starting``: imports, the server, what stands before the flow; then those in which at least one thread was at each
    of ``PARTS``; then those in which none was at any, when Prefect, MLflow and this machine's other processes had the
    cores (``other``). A second in which two threads are at two parts counts for both.
    """
    return {
        stage: {
            "seconds": times["end"] - times["start"],
            "starting": times["began"] - times["start"],
            **{part: times[part] for part in PARTS},
            "other": times["end"] - times["began"] - times["known"],
        }
        for stage, times in _records(problem).items()
        if "began" in times
    }


def _records(problem: str) -> dict[str, dict[str, float]]:
    """What ``record_stage`` kept of each stage, in the order of their beginnings."""
    records = {path.stem: json.loads(path.read_text()) for path in paths.timing(problem, "").parent.glob("*.json")}
    return dict(sorted(records.items(), key=lambda record: record[1]["start"]))
