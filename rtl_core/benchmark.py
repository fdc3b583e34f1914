"""How fast training and scoring are on all cores against the plain way of doing each, measured in one run."""

import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, count, cycle, islice, repeat
from pathlib import Path

import torch

from rtl_core.construction import initial_weights
from rtl_core.isolation import OptimizerChoice, TicketOptimizer
from rtl_core.masks import Masks
from rtl_core.plain_reference import plain_loader, plain_scoring, plain_ticket, plain_training
from rtl_core.problem import Batch, Objective, Problem
from rtl_core.randomness import Stream
from rtl_core.retraining import UPDATES, SharedWeights
from rtl_core.timing import Work, timed
from rtl_core.training import batches_of, gradient_of

PARTS = ("extraction", "retraining", "retraining_sequential", "evaluation")
TURNS, LEAST_SECONDS = 3, 0.5

Report = Callable[[str], None]


def benchmark(
    problem: Problem, make_optimizer: OptimizerChoice, stream: Stream, cores: int, report: Report
) -> dict[str, dict[str, float]]:
    """Images (or whatever batches hold) per second on ``cores`` cores, ours and the plain reference's, and their ratio.

    The reference works on one ticket at a time, with ``cores`` threads inside each operator. Ours works on as
    many tickets as cores at a time, one thread each: chains of extraction, tickets to be scored, the passes of
    one synchronous joint retraining (``retraining``), or whole sequential ones (``retraining_sequential``). All
    work is in training batches of each ticket, at half the prunable weights; evaluation is the loss of such a batch.
    Ours and the reference take turns; figures are medians over the turns.

    Args:
        problem: its batches must be tuples of tensors [N, …].
        make_optimizer: builds the optimizers.
        stream: where masks and batches are drawn from.
        cores: how many cores to work on.
        report: is told what is measured next.

    Returns:
        For each of ``PARTS``: ``images_per_s``, ``reference_images_per_s``, ``ratio``.
    """
    tickets = _Tickets(problem, make_optimizer, stream, cores, len(problem.subsets))
    training, scoring = tickets.plain_training(), tickets.plain_scoring()
    speeds = {}
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

    Where K exceeds the problem's subsets, these repeat, under masks of their own. K takes turns; medians.

    Returns:
        For each K: the milliseconds of each of ``PARTS``.
    """
    torch.set_num_threads(1)
    every = {k: _Tickets(problem, make_optimizer, stream, cores, k) for k in counts}
    grown: dict[str, dict[str, float]] = {str(k): {} for k in counts}
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
        tickets = _Tickets(problem, make_optimizer, stream, workers, cores)
        reset.write_text("5")  # forgets the peak so far
        tickets.work("extraction")()
        peaks.append(read("VmHWM"))
    return {"before": before, "one_worker": peaks[0], "each_further_worker": (peaks[1] - peaks[0]) / (cores - 1)}


class _Tickets:
    """K tickets at half the prunable weights, and the works that are measured on them."""

    def __init__(self, problem: Problem, make_optimizer: OptimizerChoice, stream: Stream, cores: int, k: int) -> None:
        self.problem, self.make_optimizer, self.stream, self.cores = problem, make_optimizer, stream, cores
        self.objectives: list[Objective] = list(islice(cycle(problem.objectives), k))
        layout = initial_weights(problem, stream).layout
        kept = torch.rand(k, layout.size, generator=stream.at(draw="masks").generator()) < 0.5
        self.masks = Masks(layout, kept)
        self.images = sum(len(next(self._batches(objective))[0]) for objective in self.objectives)

    def work(self, part: str) -> Work:
        """One of ``PARTS``, on all cores."""
        return {
            "extraction": self._extraction,
            "retraining": self._synchronous,
            "retraining_sequential": self._sequential,
            "evaluation": self._evaluation,
        }[part]()

    def batches_each(self, part: str) -> int:
        """How many batches of each ticket one work of ``PARTS`` does: one, or one on every core."""
        return 1 if part == "retraining" else self.cores

    def _extraction(self) -> Work:
        trained = []
        for worker in range(self.cores):
            weights = initial_weights(self.problem, self.stream)
            weights.network.train()
            mask = self.masks[worker % len(self.masks)]
            trained.append((weights, TicketOptimizer(self.make_optimizer, mask, weights.prunable, weights.dense)))
        batches = self._batches_of_each_worker()

        def step(worker: int, subset: int) -> None:
            weights, optimizer = trained[worker]
            gradient_of(weights, self.objectives[subset], next(batches[worker][subset]), self.stream)
            optimizer.step(weights.gradient, weights.dense_gradient)

        return self._spread(step)

    def _evaluation(self) -> Work:
        networks = [initial_weights(self.problem, self.stream).network.eval() for _ in range(self.cores)]
        batches = self._batches_of_each_worker()

        @torch.inference_mode()
        def step(worker: int, subset: int) -> None:
            self.objectives[subset].loss(networks[worker], next(batches[worker][subset]))

        return self._spread(step)

    def _synchronous(self) -> Work:
        return self._joint("synchronous", self.cores)

    def _sequential(self) -> Work:
        jobs = [self._joint("sequential", 1) for _ in range(self.cores)]

        def work() -> None:
            with ThreadPoolExecutor(self.cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                for done in [pool.submit(job) for job in jobs]:
                    done.result()

        return work

    def _joint(self, update: str, threads: int) -> Work:
        shared = SharedWeights(initial_weights(self.problem, self.stream), self.masks, self.objectives)
        joint_step = UPDATES[update](shared, self.make_optimizer, threads)
        batches = [self._batches(objective) for objective in self.objectives]
        places = [self.stream.at(subset=objective.name) for objective in self.objectives]
        return lambda: joint_step([next(turn) for turn in batches], places)

    def _spread(self, step: Callable[[int, int], None]) -> Work:
        def share(worker: int) -> None:
            for subset in range(len(self.objectives)):
                step(worker, subset)

        def work() -> None:
            with ThreadPoolExecutor(self.cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                list(pool.map(share, range(self.cores)))

        return work

    def plain_training(self) -> Work:
        """The plain reference of every training: a step of each ticket, one after another."""
        networks = [plain_ticket(self.problem, self.masks, k, self.stream) for k in range(len(self.masks))]
        optimizers = [self.make_optimizer(list(network.parameters())) for network in networks]
        loaders = self._plain_batches()

        def work() -> None:
            for network, optimizer, objective, loader in zip(
                networks, optimizers, self.objectives, loaders, strict=True
            ):
                plain_training(network, optimizer, objective, [next(loader)])

        return work

    def plain_scoring(self) -> Work:
        """The plain reference of evaluation: a batch of each ticket, one after another."""
        networks = [plain_ticket(self.problem, self.masks, k, self.stream) for k in range(len(self.masks))]
        loaders = self._plain_batches()

        def work() -> None:
            for network, objective, loader in zip(networks, self.objectives, loaders, strict=True):
                plain_scoring(network, objective, [next(loader)])

        return work

    def _batches_of_each_worker(self) -> list[list[Iterator[Batch]]]:
        return [[self._batches(objective) for objective in self.objectives] for _ in range(self.cores)]

    def _batches(self, objective: Objective) -> Iterator[Batch]:
        place = self.stream.at(subset=objective.name)
        return batches_of(objective, (place.at(epoch=epoch) for epoch in count()))

    def _plain_batches(self) -> list[Iterator[Batch]]:
        """The same batch again and again: from a loader, unless a subset's one batch is all its data."""
        batches = [next(self._batches(objective)) for objective in self.objectives]
        whole = [objective.batches_per_epoch == 1 for objective in self.objectives]
        return [
            repeat(batch) if one else chain.from_iterable(repeat(plain_loader([batch])))
            for batch, one in zip(batches, whole, strict=True)
        ]
