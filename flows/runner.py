"""On how many workers independent steps run side by side."""

import os

from prefect.task_runners import ThreadPoolTaskRunner


def runner() -> ThreadPoolTaskRunner[object]:
    """One thread per core that this process may use; each step computes on one thread."""
    return ThreadPoolTaskRunner(max_workers=len(os.sched_getaffinity(0)))
