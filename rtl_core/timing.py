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
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        passes, seconds = passes + 1, time.perf_counter() - start
    return passes, seconds
