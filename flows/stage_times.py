"""How long each stage took, and how much of that was training and scoring."""

import json
import sys
import time
from collections.abc import Sequence

import psutil

from tasks.artefacts import paths
from tasks.artefacts.whole_file import write_atomically
from tasks.process.computing_time import take_computing_time

_ends: list[float] = []


def record_stage(problem: str, stage: str) -> None:
    """Keep the times of one stage: from the start of the process, or the end of the stage before, until now.

    The file holds epoch seconds, and the seconds of computing in between.
    """
    start = _ends[-1] if _ends else time.time() - _age()
    _ends.append(time.time())
    times = {"start": start, "end": _ends[-1], "computing": take_computing_time()}
    write_atomically(paths.timing(problem, stage), json.dumps(times).encode())


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
    stages: dict[str, dict[str, float]] = {}
    for problem in problems:
        records = {path.stem: json.loads(path.read_text()) for path in paths.timing(problem, "").parent.glob("*.json")}
        for stage, times in sorted(records.items(), key=lambda record: record[1]["start"]):
            if times["start"] >= since:
                seconds = {"seconds": times["end"] - times["start"], "computing": times["computing"]}
                stages[f"{problem} {stage}"] = seconds
    return stages
