"""In which order the steps of a stage are started, what the terminal shows meanwhile, and what they return."""

import time
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from contextlib import suppress
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from flows.kept_steps import note_kept
from flows.runner import places
from rtl_core.distinct_names import KEYS, distinct_names
from tasks.caching.cached_task import started_runs
from tasks.caching.records import Kept
from tasks.jobs.job import Job, name_of
from tasks.process.cores import share_among
from tasks.process.status import status_lines

Key = TypeVar("Key", bound=Hashable)

LONGEST_WAIT = 1.0
"""Seconds after which the main thread looks up: a signal that comes just as it begins to wait does not end the wait."""


class Step(NamedTuple):
    """How a step is submitted, and after which others.

    ``submit`` is given, in the order of ``after``, the completed future of each step that ran and the result of each
    that was kept.
    """

    submit: Callable[..., PrefectFuture[Any] | Kept]
    after: tuple[tuple[Any, ...], ...] = ()


def for_each(jobs: Iterable[Job], steps_of: Callable[[Job], Mapping[Any, Step]]) -> dict[tuple[Any, ...], Step]:
    """The steps of every job, under keys (tuples) that begin with its name; those of the first stand first."""
    return {
        (name_of(job), *key): step._replace(after=tuple((name_of(job), *earlier) for earlier in step.after))
        for job in jobs
        for key, step in steps_of(job).items()
    }


def results_of(job: Job, results: Mapping[Any, Any]) -> dict[tuple[Any, ...], Any]:
    """What the steps of one job returned, under its own keys."""
    return {tuple(key): result for (name, *key), result in results.items() if name == name_of(job)}


Watch = Callable[[Any, Any], Collection[Any]]


def run_steps(steps: Mapping[Key, Step], what: str, watch: Watch = lambda key, result: ()) -> dict[Key, Any]:
    """Run steps side by side, showing a bar where there are any; their results under the same keys.

    Of the steps that wait for nothing more, those that stand first start first, so a long chain should stand
    before what can fill the gaps. No worker waits for a step that stands behind its own.

    Args:
        steps: by key.
        what: name of the bar.
        watch: is told each step's key and result as it ends, and names the steps that are to be given up; these,
            where they had not started, have no result.

    Raises:
        Exception: the first failure that is seen; steps not yet started are given up.
    """
    if not steps:
        return {}
    waiting = dict(steps)
    running: dict[PrefectFuture[Any], Key] = {}
    at_end: SimpleQueue[PrefectFuture[Any]] = SimpleQueue()
    done: dict[Hashable, Any] = {}
    results: dict[Key, Any] = {}
    with Bar(what, len(steps)) as bar:
        while waiting or running:
            room, ended = places(), []
            ready = list(islice((key for key, step in waiting.items() if all(n in done for n in step.after)), room))
            share_among(len(running) + len(ready))
            # What waits at a worker would overtake a chain's next step.
            for key in ready[: max(0, room - len(running))]:
                step = waiting.pop(key)
                submitted = step.submit(*(done[name] for name in step.after))
                if isinstance(submitted, Kept):
                    done[key] = results[key] = submitted.result
                    ended.append(key)
                else:
                    started_runs.add(submitted.task_run_id)
                    running[submitted] = key
                    submitted.add_done_callback(at_end.put)
            if not ended:
                finished = _next_of(at_end)
                key = running.pop(finished)
                done[key], results[key] = finished, finished.result()
                ended.append(key)
            for key in ended:
                bar.advance(len([name for name in watch(key, results[key]) if waiting.pop(name, None)]))
    kept = sum(not isinstance(one, PrefectFuture) or one.state.name == "Cached" for one in done.values())
    note_kept(what, kept, len(done))
    get_run_logger().info(f"{what}: {kept} of {len(done)} steps kept")
    return {key: results[key] for key in steps if key in results}


def _next_of(at_end: "SimpleQueue[PrefectFuture[Any]]") -> PrefectFuture[Any]:
    while True:
        with suppress(Empty):
            return at_end.get(timeout=LONGEST_WAIT)


class Status(ProgressColumn):
    """How far the steps that take many minutes have come, and what else there is to say."""

    def render(self, task: Task) -> Text:
        """One line a step, beside the bar."""
        return Text("\n".join(status_lines()), style="dim")


class Bar:
    """A bar on a terminal, with the epochs of long steps; a line a tenth elsewhere; and a bar in Prefect's page."""

    def __init__(self, what: str, total: int) -> None:
        self._console = Console()
        status = Status(table_column=Column(no_wrap=True))
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), status)
        self._progress = Progress(*columns, console=self._console)
        self._line = self._progress.add_task(what, total=total)
        self._what, self._total = what, total
        self._artifact: Any = None
        self._shown_at = time.monotonic()

    def __enter__(self) -> "Bar":
        self._progress.__enter__()
        return self

    def __exit__(self, *reason: Any) -> None:
        self._progress.__exit__(*reason)

    def advance(self, given_up: int) -> None:
        """One more step is done, and so many will not be."""
        self._total -= given_up
        self._progress.update(self._line, advance=1, total=self._total)
        done = int(self._progress.tasks[0].completed)
        if done >= self._total or time.monotonic() > self._shown_at + 1:
            self._shown_at = time.monotonic()
            self._show_in_page(100 * done / self._total)
        if not self._console.is_terminal and done < self._total and _tenths(done, self._total):
            self._console.print("; ".join([f"{self._what} {done}/{self._total}", *status_lines()]))

    def _show_in_page(self, percent: float) -> None:
        if self._artifact is None:
            key = distinct_names([self._what], KEYS)[self._what]
            description = f"{self._what}, of {self._total}"
            self._artifact = create_progress_artifact(percent, key=key, description=description)
        else:
            update_progress_artifact(self._artifact, percent)


def _tenths(done: int, total: int) -> bool:
    return done * 10 // total > (done - 1) * 10 // total
