"""When a step need not run again: its own record says so, and every artefact it made is still whole."""

import errno
import hashlib
import inspect
import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from prefect import State, Task
from prefect.cache_policies import CachePolicy
from prefect.client.schemas import TaskRun
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import MissingContextError
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.tasks import exponential_backoff
from prefect.utilities.callables import get_call_parameters

from tasks.artefacts import paths
from tasks.caching.records import DigestedJson, Kept, kept
from tasks.sources.source_digest import step_digest

P = ParamSpec("P")
R = TypeVar("R")

started_runs: set[UUID] = set()
"""Every run of a cached step that this process began, found or computed."""

TRAINING = "training"
"""Tag of the steps that train, which a concurrency limit of Prefect can hold back."""

PASSING = {
    errno.EAGAIN,
    errno.EBUSY,
    errno.EINTR,
    errno.EIO,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.ESTALE,
}
"""What a disk or a network may answer once and not again, beside a lost connection; a full disk does not pass."""


class ContentPolicy(CachePolicy):
    """A record is found again by task, source code behind it, and inputs; never by run.

    Args:
        module: the step's own.
    """

    def __init__(self, module: str) -> None:
        super().__init__()
        self.module = module

    def compute_key(
        self,
        task_ctx: TaskRunContext,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],
        **kwargs: Any,
    ) -> str | None:
        """The key. Where its record is damaged this removes it, before Prefect looks there."""
        started_runs.add(task_ctx.task_run.id)
        key = self.key_of(task_ctx.task.name, inputs)
        if key is not None:
            kept(key)
        return key

    def key_of(self, name: str, inputs: Mapping[str, Any]) -> str | None:
        """SHA-256 in hexadecimal, or None (no look-up, nothing kept) when the inputs are not JSON."""
        if any(True for _ in _not_json(inputs)):
            return None
        identity = {
            "task": name,
            "sources": step_digest(self.module),
            "inputs": _contents(inputs),
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class CachedTask(Task[P, R]):
    """A task of which ``submit`` begins no run where an earlier one left its result."""

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        """The future of a run or, with threads and a store that is a folder, what an earlier run left.

        A run that finds its record costs ten milliseconds, most of them Prefect's; finding it alone costs half of one.
        Workers elsewhere look for themselves, beside the store.
        """
        return self._kept(get_call_parameters(self.fn, args, kwargs)) or super().submit(*args, **kwargs)

    def _kept(self, inputs: Mapping[str, Any]) -> Kept | None:
        run = FlowRunContext.get()
        if run is None or not isinstance(run.task_runner, ThreadPoolTaskRunner) or "://" in paths.shared_store():
            return None
        assert isinstance(self.cache_policy, ContentPolicy)
        key = self.cache_policy.key_of(self.name, inputs)
        try:
            return None if key is None else kept(key)
        except OSError:  # a run tries again, and tells
            return None


def cached_task(*, name: str, tags: tuple[str, ...] = ()) -> Callable[[Callable[P, R]], CachedTask[P, R]]:
    """Make a function a Prefect task that is computed once per distinct input, on all machines that share the store.

    What input or output refused is tried three times more, after 1, 2 and 4 seconds; nothing else is.

    It is computed again when its module changes, or any that this reaches (``step_digest``).

    Arguments and result must be JSON. A dict with a key "sha256" in the result names an object of the store.
    A call with any other argument, or a function with any other result, fails with a TypeError that names it.

    Args:
        name: how its runs are called, with the parameters in braces: "round {number} of {subset}". Where a parameter
            ``job`` is of one instance of a problem, its name comes first; ``{view}`` says where it is one network's.
        tags: of its runs.
    """

    def decorate(function: Callable[P, R]) -> CachedTask[P, R]:
        signature = inspect.signature(function)

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            for place in _not_json(bound.arguments):
                raise TypeError(f"{function.__name__}: argument {place}, which is not JSON")
            result = function(*args, **kwargs)
            for place in _not_json({"result": result}, finite=False):
                raise TypeError(f"{function.__name__}: {place}, which is not JSON")
            return result

        def run_name(parameters: dict[str, Any]) -> str:
            job = parameters.get("job", {})
            view = " of one network" if job.get("one_network") else ""
            called = name.format(**parameters, view=view)
            return f"{job['instance']}: {called}" if job.get("instance") else called

        return CachedTask(
            checked,
            name=function.__name__,
            task_run_name=run_name,  # type: ignore[arg-type]
            tags=tags,
            retries=3,
            retry_delay_seconds=exponential_backoff(1),
            retry_condition_fn=_may_pass,
            cache_policy=ContentPolicy(function.__module__),
            persist_result=True,
            result_serializer=DigestedJson(),
            # A record is checked on disk before it is used; one in memory would not be.
            cache_result_in_memory=False,
        )

    return decorate


def step_key() -> str:
    """The key under which the cached step that is running will be found again.

    Raises:
        MissingContextError: no task is running.
    """
    context = TaskRunContext.get()
    if context is None or not isinstance(context.task.cache_policy, ContentPolicy):
        raise MissingContextError("no cached step is running")
    key = context.task.cache_policy.key_of(context.task.name, context.parameters)
    assert key is not None, "a cached step has inputs that JSON can hold"
    return key


def _may_pass(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    problem = state.data
    return isinstance(problem, ConnectionError | TimeoutError) or (
        isinstance(problem, OSError) and problem.errno in PASSING
    )


def _contents(value: Any) -> Any:
    """Inputs without what a reference says besides: where an artefact is published, or how long it took, is no part of
    what it holds.
    """
    if isinstance(value, Mapping):
        besides = {"path", "seconds"} if "sha256" in value else set()
        return {key: _contents(item) for key, item in value.items() if key not in besides}
    return [_contents(item) for item in value] if isinstance(value, list) else value


def _not_json(values: Mapping[str, Any], finite: bool = True) -> Iterator[str]:
    """Each place that JSON cannot hold, in words; ``finite`` also refuses inf and NaN."""
    waiting = list(values.items())
    while waiting:
        place, value = waiting.pop(0)
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    yield f"{place} has the key {key!r}"
            waiting += [(f"{place}[{key!r}]", item) for key, item in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{place}[{index}]", item) for index, item in enumerate(value)]
        elif isinstance(value, float) and finite and not math.isfinite(value):
            yield f"{place} is {value}"
        elif value is not None and not isinstance(value, str | int | float):
            yield f"{place} is a {type(value).__name__}"
