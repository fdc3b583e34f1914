"""How fast training and scoring are on all cores against the plain way of doing each, measured in one run."""

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import torch

from rtl_core.construction import new_network
from rtl_core.isolation import OptimizerChoice
from rtl_core.measured_tickets import PARTS, MeasuredTickets
from rtl_core.problem import Problem
from rtl_core.randomness import Stream
from rtl_core.timing import timed

TURNS, LEAST_SECONDS = 3, 0.5
MANY = 100

Report = Callable[[str], None]


def benchmark(
    problem: Problem, make_optimizer: OptimizerChoice, stream: Stream, cores: int, report: Report
) -> dict[str, dict[str, float]]:
    """Images (or whatever batches hold) per second on ``cores`` cores, ours and the plain reference's, and their ratio.

    The reference works on one ticket at a time, with ``cores`` threads inside each operator. Ours works on as
    many tickets as cores at a time, one thread each: chains of extraction, tickets to be scored, the passes of
    one synchronous joint retraining (``retraining``), or whole sequential ones (``retraining_sequential``). All
    work is in training batches of each ticket, at half the prunable weights; evaluation is the loss of such a batch.
    Ours and the reference take turns; figures are medians over the turns. On CUDA both are on one GPU, and ours are as
    many tickets at a time as threads and streams allow.

    Args:
        problem: its batches must be tuples of tensors [N, …].
        make_optimizer: builds the optimizers.
        stream: where masks and batches are drawn from.
        cores: how many cores to work on.
        report: is told what is measured next.

    Returns:
        For each of ``PARTS``: ``images_per_s``, ``reference_images_per_s``, ``ratio``.
    """
    speeds = {}
    with MeasuredTickets(problem, make_optimizer, stream, cores, len(problem.subsets)) as tickets:
        training, scoring = tickets.plain_training(), tickets.plain_scoring()
        for part in PARTS:
            report(part)
            reference = scoring if part == "evaluation" else training
            rates: dict[str, list[float]] = {"images_per_s": [], "reference_images_per_s": []}
            works = dict(zip(rates, ((tickets.work(part), 1), (reference, cores)), strict=True))
            for _ in range(TURNS):
                for name, (work, threads) in works.items():
                    torch.set_num_threads(threads)
                    passes, seconds = timed(work, LEAST_SECONDS)
                    each = tickets.batches_each(part) if name == "images_per_s" else 1
                    rates[name].append(passes * each * tickets.images / seconds)
            medians = {name: statistics.median(values) for name, values in rates.items()}
            speeds[part] = medians | {"ratio": medians["images_per_s"] / medians["reference_images_per_s"]}
    torch.set_num_threads(1)
    return speeds


def growth(
    problem: Problem, make_optimizer: OptimizerChoice, stream: Stream, cores: int, counts: list[int], report: Report
) -> dict[str, dict[str, float]]:
    """Milliseconds of wall time for one batch of one ticket, and how they grow with the number K of tickets.

    Where K exceeds the problem's subsets, these repeat, under masks of their own. K takes turns; medians. On CUDA,
    K = 100 is measured beside the ``counts``.

    Returns:
        For each K: the milliseconds of each of ``PARTS``.
    """
    torch.set_num_threads(1)
    if next(new_network(problem, stream).parameters()).is_cuda:
        counts = [*counts, MANY]
    grown: dict[str, dict[str, float]] = {str(k): {} for k in counts}
    with ExitStack() as stack:
        every = {k: stack.enter_context(MeasuredTickets(problem, make_optimizer, stream, cores, k)) for k in counts}
        for part in PARTS:
            works = {k: tickets.work(part) for k, tickets in every.items()}
            times: dict[int, list[float]] = {k: [] for k in counts}
            for turn in range(TURNS):
                for k, work in works.items():
                    report(f"{part}, K = {k}, turn {turn + 1} of {TURNS}")
                    passes, seconds = timed(work, LEAST_SECONDS)
                    times[k].append(1000 * seconds / (passes * every[k].batches_each(part) * k))
            for k, values in times.items():
                grown[str(k)][part] = statistics.median(values)
    return grown


def peak_memory(
    problem: Problem, make_optimizer: OptimizerChoice, stream: Stream, cores: int
) -> dict[str, float] | None:
    """Megabytes of resident memory in extraction: beforehand, at the peak of one worker, and for each more.

    None where the system does not tell (it is read from Linux's /proc), or where there is one core.
    """
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if cores < 2 or not reset.exists():
        return None

    def read(key: str) -> float:
        line = next(line for line in status.read_text().splitlines() if line.startswith(key))
        return int(line.split()[1]) / 1000

    before, peaks = read("VmRSS"), []
    for workers in (1, cores):
        with MeasuredTickets(problem, make_optimizer, stream, workers, cores) as tickets:
            reset.write_text("5")  # forgets the peak so far
            tickets.work("extraction")()
            peaks.append(read("VmHWM"))
    return {"before": before, "one_worker": peaks[0], "each_further_worker": (peaks[1] - peaks[0]) / (cores - 1)}
