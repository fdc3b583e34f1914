"""How jobs run side by side on the cores of one machine, one thread each, and what a terminal shows meanwhile."""

import os
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from threading import Event
from typing import Any, TypeVar

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor

from rtl_core.errors import SettingsError

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


class SideBySide:
    """So many jobs at a time, each on one core; torch's number of threads is as before when the block ends.

    A result depends on the number of threads behind each operator, so that is always one.
    """

    def __init__(self, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise SettingsError(f"threads: found {threads}; allowed: 1 and more")
        self.threads = threads or len(os.sched_getaffinity(0))
        self.epochs = _Epochs(self.advance)
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._stopped = Event()

    def __enter__(self) -> "SideBySide":
        self._threads_before = torch.get_num_threads()
        torch.set_num_threads(1)
        self._progress.start()
        return self

    def __exit__(self, *reason: Any) -> None:
        self._progress.stop()
        torch.set_num_threads(self._threads_before)

    def run(self, what: str, jobs: Mapping[Key, Callable[[], Result]], steps: int) -> dict[Key, Result]:
        """What the jobs return, under their keys; ``what`` names the bar, which has so many ``steps`` (``advance``).

        Raises:
            Exception: the first failure; jobs under way end at their next step.
        """
        self._bar = self._progress.add_task(what, total=steps)
        pool = ThreadPoolExecutor(self.threads, initializer=torch.set_num_threads, initargs=(1,))
        try:
            running: dict[Key, Future[Result]] = {key: pool.submit(job) for key, job in jobs.items()}
            ended, _ = wait(running.values(), return_when=FIRST_EXCEPTION)
            for future in running.values():
                if future in ended and (failure := future.exception()):
                    raise failure
            return {key: future.result() for key, future in running.items()}
        finally:
            self._stopped.set()
            pool.shutdown(cancel_futures=True)
            self._stopped.clear()

    def advance(self) -> None:
        """One more step is done.

        Raises:
            InterruptedError: another job has failed, or the user has had enough.
        """
        if self._stopped.is_set():
            raise InterruptedError("another job has failed")
        self._progress.advance(self._bar)


class _Epochs:
    """A checkpoint that keeps nothing: it is asked after every epoch of a training whether it is due."""

    def __init__(self, advance: Callable[[], None]) -> None:
        self._advance = advance

    def load(self) -> dict[str, Tensor]:
        return {}

    def due(self) -> bool:
        self._advance()
        return False

    def save(self, state: dict[str, Tensor]) -> None:
        """Keep nothing."""

    def at(self, name: str) -> "_Epochs":
        return self
