"""How long a work takes."""

import time
from collections.abc import Callable

import torch

Work = Callable[[], object]


def timed(work: Work, least_seconds: float) -> tuple[int, float]:
    """How often a work was done until so many seconds had passed, at least once, and the seconds."""
    passes, seconds, start = 0, 0.0, time.perf_counter()
    while not passes or seconds < least_seconds:
        work()
        wait_for_devices()
        passes, seconds = passes + 1, time.perf_counter() - start
    return passes, seconds


def wait_for_devices() -> None:
    """Wait for the end of all that was launched on CUDA devices, whichever they are."""
    if torch.cuda.is_initialized():
        for device in range(torch.cuda.device_count()):
            torch.cuda.synchronize(device)
