"""In which order the steps of a stage are started, and what they return."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from contextlib import suppress
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger

from flows.kept_steps import note_kept
from flows.progress import Bar
from flows.runner import places
from tasks.caching.cached_task import started_runs
from tasks.caching.records import Kept
from tasks.jobs.job import Job, name_of
from tasks.process.cores import share_among

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
                given_up = len([name for name in watch(key, results[key]) if waiting.pop(name, None)])
                bar.advance(_is_kept(done[key]), given_up)
    kept = sum(map(_is_kept, done.values()))
    note_kept(what, kept, len(done))
    get_run_logger().info(f"{what}: {kept} of {len(done)} steps kept")
    return {key: results[key] for key in steps if key in results}


def _is_kept(ended: Any) -> bool:
    """Whether a step that ended was not computed: its result was at hand, or a worker found it."""
    return not isinstance(ended, PrefectFuture) or ended.state.name == "Cached"


def _next_of(at_end: "SimpleQueue[PrefectFuture[Any]]") -> PrefectFuture[Any]:
    while True:
        with suppress(Empty):
            return at_end.get(timeout=LONGEST_WAIT)
