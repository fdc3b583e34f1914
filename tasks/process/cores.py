"""How many processor cores there are to compute on, and how many of them one step may take."""

import os
import sys

_side_by_side = 1


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def share_among(steps: int) -> None:
    """Say how many steps can compute side by side from now on."""
    global _side_by_side
    _side_by_side = max(1, steps)


def threads_for_one() -> int:
    """How many threads a step may take: more than one where fewer steps than cores are at hand.

    On a Dask worker it is one: how many steps its machine is given is not known there.
    """
    return 1 if _on_dask() else max(1, cores() // _side_by_side)


def _on_dask() -> bool:
    worker = sys.modules.get("distributed.worker")  # a process that has not imported it is none
    if worker is None:
        return False
    try:
        worker.get_worker()
    except ValueError:
        return False
    return True
