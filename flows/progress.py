"""How far the steps of a stage have come: what a terminal, a log and Prefect's page show meanwhile."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from rtl_core.distinct_names import KEYS, distinct_names
from tasks.process.status import status_lines

LINES = 5
"""Most lines of a bar where there is no terminal."""
APART = 20.0
"""Seconds between these lines at least, but for the last, which says how it ended."""
EVER = 1e9
"""Seconds, more than any run takes: time left goes by all steps that were computed, which may take minutes each."""


class Clock(ProgressColumn):
    """How long steps have been running, and how much longer they will, once that can be told."""

    def render(self, task: Task) -> Text:
        """``0:01:12, 0:02:30 left``."""
        told = _duration(task.finished_time if task.finished_time is not None else task.elapsed or 0)
        if not task.finished and task.time_remaining is not None:
            told += f", {_duration(task.time_remaining)} left"
        return Text(told)


class _Lines(Progress):
    """A bar whose details stand below it, a line each, so that they take no room from its count and time."""

    def get_renderables(self) -> Iterator[RenderableType]:
        yield from super().get_renderables()
        for task in self.tasks:
            details = [*filter(None, [task.fields["kept"]]), *status_lines()]
            yield from (Text(f"  {line}", style="dim", no_wrap=True, overflow="ellipsis") for line in details)


class Bar:
    """A bar on a terminal, with what is kept and the epochs of long steps below it; some lines elsewhere; and a bar in
    Prefect's page. A step that is kept is none to wait for, and is told apart.
    """

    def __init__(self, what: str, total: int) -> None:
        self._console = Console()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=None, table_column=Column(ratio=1)),
            TextColumn("{task.fields[count]}", table_column=Column(no_wrap=True)),
            Clock(table_column=Column(no_wrap=True)),
        )
        self._progress = _Lines(
            *columns,
            console=self._console,
            expand=True,
            speed_estimate_period=EVER,
            disable=not self._console.is_terminal,
        )
        self._line = self._progress.add_task(what, total=total, count=f"0/{total}", kept="")
        self._what, self._steps, self._kept, self._computed = what, total, 0, 0
        self._artifact: Any = None
        self._shown_at = self._said_at = self._began = time.monotonic()

    def __enter__(self) -> "Bar":
        self._progress.__enter__()
        return self

    def __exit__(self, *reason: Any) -> None:
        self._progress.__exit__(*reason)
        if not self._console.is_terminal and reason[0] is None:
            self._say([])

    def advance(self, is_kept: bool, given_up: int) -> None:
        """One more step has ended, computed or kept, and so many will not be run."""
        self._steps -= given_up
        self._kept += is_kept
        self._computed += not is_kept
        to_compute, ended = self._steps - self._kept, self._kept + self._computed
        count, kept = self._counted()
        self._progress.update(self._line, completed=self._computed, total=to_compute, count=count, kept=kept)
        now = time.monotonic()
        if ended >= self._steps or now > self._shown_at + 1:
            self._shown_at = now
            self._show_in_page(100 * ended / self._steps)
        comes_to_line = not is_kept and _part(self._computed, to_compute) > _part(self._computed - 1, to_compute)
        if comes_to_line and ended < self._steps and now > self._said_at + APART and not self._console.is_terminal:
            self._said_at = now
            self._say(status_lines())

    def _counted(self) -> tuple[str, str]:
        """How many of the steps that are to be computed are, and how many are kept."""
        to_compute = self._steps - self._kept
        kept = f"{self._kept} of {self._steps} kept" if self._kept else ""
        return (f"{self._computed}/{to_compute}", kept) if to_compute else (f"all {self._steps} kept", "")

    def _say(self, details: list[str]) -> None:
        """Print where steps have come to as one line of a log."""
        parts = [*filter(None, self._counted()), _duration(time.monotonic() - self._began), *details]
        self._console.print(f"{self._what}: {'; '.join(parts)}", soft_wrap=True, markup=False, highlight=False)

    def _show_in_page(self, percent: float) -> None:
        if self._artifact is None:
            key = distinct_names([self._what], KEYS)[self._what]
            description = f"{self._what}, of {self._steps}"
            self._artifact = create_progress_artifact(percent, key=key, description=description)
        else:
            update_progress_artifact(self._artifact, percent)


def _part(done: int, total: int) -> int:
    """Which of the lines of a log so many steps have come to."""
    return done * LINES // total


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=int(seconds)))
