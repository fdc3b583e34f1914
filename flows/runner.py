"""On how many workers independent steps run side by side."""

from prefect.task_runners import ThreadPoolTaskRunner

from tasks.cores import cores


def runner() -> ThreadPoolTaskRunner[object]:
    """One thread per core that this process may use; a step may take more where fewer steps are at hand."""
    return ThreadPoolTaskRunner(max_workers=cores())
