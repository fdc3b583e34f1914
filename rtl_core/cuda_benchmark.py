"""What a captured training step costs and gains on a CUDA device: capture, streams, memory."""

import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import torch

from rtl_core.captured_training import MOST, CapturedTraining, can_be_captured
from rtl_core.construction import initial_weights
from rtl_core.isolation import OptimizerChoice, TicketOptimizer
from rtl_core.problem import Batch, Problem
from rtl_core.randomness import Stream
from rtl_core.streams import LEAST_GAIN
from rtl_core.timing import wait_for_devices
from rtl_core.training import batches_of, gradient_of

STEPS = 10
"""Of each stream in a measurement."""


def on_cuda(problem: Problem, make_optimizer: OptimizerChoice, stream: Stream) -> dict[str, Any] | None:
    """Costs and gains of steps of the first ticket, all weights kept; None where they cannot be captured.

    Returns:
        ``capture_ms``: the first step with a graph, beyond one that is replayed; ``launched_ms``: a step kernel by
        kernel; ``images_per_s`` by the number of streams side by side, each doubled; ``streams``: the number beyond
        which another doubling does not pay; ``peak_memory_mb``: what torch held of the device at most, with that many.
    """
    weights, objective = initial_weights(problem, stream), problem.objectives[0]
    if not can_be_captured(weights, make_optimizer):
        return None
    everything = torch.ones_like(weights.prunable, dtype=torch.bool)
    batch = next(iter(batches_of(objective, (stream.at(epoch=epoch) for epoch in count()))))
    optimizer = TicketOptimizer(make_optimizer, everything, weights.prunable, weights.dense)

    def launched() -> None:
        gradient_of(weights, objective, batch, stream)
        optimizer.step(weights.gradient, weights.dense_gradient)

    def make() -> CapturedTraining:
        return CapturedTraining(weights.copy(), make_optimizer)

    def step(which: list[CapturedTraining]) -> None:
        for training in which:
            with training.step.beside():
                training.step(objective, batch)

    launched()
    found: dict[str, Any] = {"launched_ms": 1000 * _seconds(launched, STEPS)}
    for _ in range(2):  # the first meets a library that has made no plans for this batch
        one = make()
        captured = _seconds(partial(step, [one]), 1)
    found["capture_ms"] = 1000 * (captured - _seconds(partial(step, [one]), STEPS))
    del one
    return found | _by_streams(make, step, batch)


def _by_streams(
    make: Callable[[], CapturedTraining], step: Callable[[list[CapturedTraining]], None], batch: Batch
) -> dict[str, Any]:
    """Trainings are made as their number grows, so that memory is that of no more than so many."""
    trainings: list[CapturedTraining] = []
    rates: dict[int, float] = {}
    best, peak, number, device = 1, 0.0, 1, batch[0].device
    torch.cuda.empty_cache()
    while number <= MOST:
        torch.cuda.reset_peak_memory_stats(device)
        trainings += [make() for _ in range(number - len(trainings))]
        step(trainings)
        rates[number] = number * len(batch[0]) / _seconds(partial(step, trainings), STEPS)
        if number == 1 or (2 * best == number and rates[number] >= LEAST_GAIN * rates[best]):
            best, peak = number, torch.cuda.max_memory_reserved(device) / 2**20  # what graphs keep is not "allocated"
        number *= 2
    return {"images_per_s": {str(n): rate for n, rate in rates.items()}, "streams": best, "peak_memory_mb": peak}


def _seconds(work: Callable[[], None], repeats: int) -> float:
    """Seconds that a work takes, waited for at the end of so many."""
    wait_for_devices()
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    wait_for_devices()
    return (time.perf_counter() - start) / repeats
