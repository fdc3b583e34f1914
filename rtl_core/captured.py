"""Work on one batch of one ticket launched as one CUDA graph: a launch for all of its kernels."""

import sys
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial

import torch
from torch import Tensor
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from rtl_core.capturable import try_out
from rtl_core.problem import Batch, Objective
from rtl_core.streams import next_stream
from rtl_core.structure import plain

WARM_UPS = 3
"""Runs on a stream before its first capture: libraries choose their kernels and set memory aside there."""

MOST_GRAPHS = 64
"""The oldest goes where another would be one more: a loss that is made anew each round is none that returns."""

_capturing = ThreadPoolExecutor(1)
"""One thread makes all graphs: captures must not meet, and cuDNN keeps its plans, which take seconds to make for a new
shape of batch, by thread."""
_told: set[str] = set()

_Graph = tuple[torch.cuda.CUDAGraph, list[Tensor]]


class Captured:
    """A function of an objective and a batch, on a CUDA stream of its own: a graph for each loss and shape of batch.

    What cannot be captured is launched kernel by kernel, and one line says what stopped the capture.

    Args:
        body: the function; what it reads besides, and what it writes, are tensors that stay where they are.
        state: the tensors that it changes.
    """

    def __init__(self, body: Callable[[Objective, Batch], None], state: Sequence[Tensor]) -> None:
        own = next_stream(state[0].device)
        self._stream, self._launching = own.stream, own.launching
        self._body, self._state = body, state
        self._graphs: dict[tuple[Hashable, ...], _Graph | None] = {}
        self._pool = torch.cuda.graph_pool_handle()
        self._warm_ups = WARM_UPS

    def knows(self, objective: Objective) -> bool:
        """Whether there is a graph for this objective, for some shape of batch."""
        return any(key[0] == identity_of(objective) and graph is not None for key, graph in self._graphs.items())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let a block run on the stream of its own, after all that was launched before, and wait for its end."""
        torch.cuda.current_stream(self._stream.device).synchronize()
        with self._launching, torch.cuda.stream(self._stream):
            try:
                yield
            finally:
                self._stream.synchronize()

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Let a block run on the stream of its own, beside what is launched after it until ``awaited``."""
        current = torch.cuda.current_stream(self._stream.device)
        with self._launching, torch.cuda.stream(self._stream):
            self._stream.wait_stream(current)
            yield
            self._end = self._stream.record_event()  # under the lock: later, another thread may capture on this stream

    def awaited(self) -> None:
        """Let what is launched from now on come after the last block ``beside``."""
        torch.cuda.current_stream(self._stream.device).wait_event(self._end)

    def __call__(self, objective: Objective, batch: Batch) -> None:
        """Run on the stream of its own: in a block ``alone`` or ``beside``."""
        leaves, structure = tree_flatten(batch)
        shapes = tuple((leaf.shape, leaf.dtype, leaf.stride()) for leaf in leaves if isinstance(leaf, Tensor))
        key = (identity_of(objective), structure, shapes)
        if key not in self._graphs:
            if len(self._graphs) >= MOST_GRAPHS:
                self._stream.synchronize()
                del self._graphs[next(iter(self._graphs))]
            self._graphs[key] = _capturing.submit(self._captured, objective, batch).result()
        if (captured := self._graphs[key]) is None:
            self._body(objective, batch)
        else:
            graph, inputs = captured
            torch._foreach_copy_(inputs, leaves)
            graph.replay()

    def _captured(self, objective: Objective, batch: Batch) -> "_Graph | None":
        leaves, structure = tree_flatten(batch)
        if not all(isinstance(leaf, Tensor) and leaf.is_cuda for leaf in leaves):
            _tell(objective, "its batches hold more than tensors on the device")
            return None
        with torch.cuda.stream(self._stream):
            return self._captured_here(objective, leaves, structure)

    def _captured_here(self, objective: Objective, leaves: list[Tensor], structure: TreeSpec) -> _Graph | None:
        inputs = [leaf.clone() for leaf in leaves]
        run = partial(self._body, objective, tree_unflatten(inputs, structure))
        before = [value.detach().clone() for value in self._state]
        graph, holds = torch.cuda.CUDAGraph(), True
        try:
            try_out(run)
            for _ in range(self._warm_ups - 1):
                run()
            self._warm_ups = 1
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
                run()
        except Exception as problem:  # whatever a user's loss does that a graph cannot hold
            _tell(objective, _first_of(problem))
            self._pool, holds = torch.cuda.graph_pool_handle(), False  # the old one may still wait for a capture's end
        with torch.no_grad():
            for value, old in zip(self._state, before, strict=True):
                value.copy_(old)
        return (graph, inputs) if holds else None


def _first_of(problem: BaseException) -> str:
    """What stopped a capture: what came first, as its end fails in turn."""
    while problem.__context__ is not None:
        problem = problem.__context__
    return " ".join(str(problem).split())[:200] or type(problem).__name__


def identity_of(objective: Objective) -> Hashable:
    """What tells a loss from others: a graph keeps the numbers that it was captured with."""
    loss: Hashable = objective.loss
    if isinstance(loss, partial):
        with suppress(TypeError):
            loss = plain(loss)
    return loss, objective.precision


def say_once(line: str) -> None:
    """Say a line on stderr, if it was not said before."""
    if line not in _told:
        _told.add(line)
        print(line, file=sys.stderr)


def _tell(objective: Objective, why: str) -> None:
    say_once(f"warning: objective {objective.name}: launched kernel by kernel, as a CUDA graph cannot hold it: {why}")
