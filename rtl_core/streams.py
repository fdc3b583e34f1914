"""The streams of a CUDA device: how they are told apart, and how many of them pay."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from threading import Lock
from time import perf_counter

import torch

LEAST_GAIN = 1.03
"""Twice the streams pay where they give more than this times the work a second."""
REPEATS, TURNS = 5, 3
"""Pieces of work on each stream in a measurement, and measurements, of which the quickest counts."""

_rings: dict[torch.device, Iterator["OwnStream"]] = {}
_making = Lock()


class OwnStream:
    """A stream that one thread at a time may launch on: what others launch would be captured, too."""

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self.stream, self.launching = stream, Lock()


def next_stream(device: torch.device) -> OwnStream:
    """One of the streams of a device after another, and the first again after the last: torch has so many, and no more.

    A stream that torch gives may be one that it gave before.
    """
    with _making:
        if device not in _rings:
            streams: dict[int, torch.cuda.Stream] = {}
            while (stream := torch.cuda.Stream(device)).cuda_stream not in streams:
                streams[stream.cuda_stream] = stream
            _rings[device] = cycle([OwnStream(stream) for stream in streams.values()])
        return next(_rings[device])


@contextmanager
def apart(device: torch.device) -> Iterator[None]:
    """Let a block run beside what other threads launch, after what this one has launched, and wait for its end.

    Nothing may be captured in it on its stream, which another thread may have as well. On a CPU it just runs.
    """
    if device.type != "cuda":
        yield
        return
    stream = torch.cuda.Stream(device, priority=-1)  # none of those that are captured on
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        try:
            yield
        finally:
            stream.synchronize()


def streams_that_pay(launch: Callable[[int], None], wait: Callable[[], None], most: int) -> int:
    """How many streams to work on side by side: twice as many are tried as long as that brings more work a second.

    Args:
        launch: launches one piece of work on the stream of a number, from 0; the first time may take longer.
        wait: waits for the end of all that was launched.
        most: allowed.
    """
    best, rate, count = 1, 0.0, 1
    while True:
        for number in range(count):
            launch(number)
        wait()
        found = count / min(_seconds(launch, wait, count) for _ in range(TURNS))
        if found < LEAST_GAIN * rate:
            return best
        best, rate = count, found
        if count >= most:
            return best
        count = min(2 * count, most)


def _seconds(launch: Callable[[int], None], wait: Callable[[], None], count: int) -> float:
    start = perf_counter()
    for _ in range(REPEATS):
        for number in range(count):
            launch(number)
    wait()
    return perf_counter() - start
