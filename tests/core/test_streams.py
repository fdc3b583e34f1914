"""Streams that threads share: who launches on one of them, and how many of them pay."""

from contextlib import nullcontext
from itertools import cycle
from types import SimpleNamespace

import torch

from rtl_core import captured, streams


def test_a_stream_that_torch_gives_again_has_one_lock(monkeypatch):
    """Torch has so many streams: what one thread launched on one of them would be captured by another there."""
    pointers = cycle([7, 8, 9])
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: SimpleNamespace(cuda_stream=next(pointers)))
    monkeypatch.setattr(streams, "_rings", {})
    found = [streams.next_stream(torch.device("cuda:0")) for _ in range(7)]
    assert [own.stream.cuda_stream for own in found] == [7, 8, 9, 7, 8, 9, 7]
    assert len({own.launching for own in found}) == 3 and found[0] is found[3] is found[6]


def test_the_end_of_a_block_is_marked_while_no_other_thread_can_capture(monkeypatch):
    """A mark that is set after the lock is given back would be one more piece of another thread's graph."""
    marked, awaited = [], []

    class Stream:
        device = torch.device("cuda:0")

        def wait_stream(self, other):
            pass

        def record_event(self):
            marked.append(own.launching.locked())
            return f"end {len(marked)}"

    own = streams.OwnStream(Stream())
    monkeypatch.setattr(captured, "next_stream", lambda device: own)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", tuple)
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(wait_event=awaited.append))
    work = captured.Captured(lambda objective, batch: None, [torch.zeros(1)])
    for _ in range(2):
        with work.beside():
            pass
    work.awaited()
    assert marked == [True, True] and awaited == ["end 2"]


def test_streams_are_added_as_long_as_they_pay(monkeypatch):
    now, launched = [0.0], []

    def wait():  # four at a time take as long as one
        now[0] += max(1.0, len(launched) / 4 / streams.REPEATS)
        launched.clear()

    monkeypatch.setattr(streams, "perf_counter", lambda: now[0])
    assert [streams.streams_that_pay(launched.append, wait, most) for most in (1, 3, 4, 16)] == [1, 3, 4, 4]
