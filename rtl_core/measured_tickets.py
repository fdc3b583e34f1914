"""The work of training and scoring that a benchmark measures, ours and the plain reference's."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count, cycle, islice, repeat
from typing import Any

import torch

from rtl_core.captured_passes import captured_passes
from rtl_core.construction import initial_weights
from rtl_core.isolation import OptimizerChoice, TicketOptimizer
from rtl_core.masks import Masks
from rtl_core.plain_reference import plain_batches, plain_scoring, plain_ticket, plain_training
from rtl_core.problem import Batch, Objective, Problem
from rtl_core.randomness import Stream
from rtl_core.schedule import Rates
from rtl_core.streams import apart
from rtl_core.ticket_training import ticket_training
from rtl_core.timing import Work, wait_for_devices
from rtl_core.training import batches_of, gradient_of
from rtl_core.updates import UPDATES, SharedWeights

PARTS = ("extraction", "retraining", "retraining_sequential", "evaluation")
ROUND = 20
"""Steps of a round of extraction on CUDA, which waits for the device at its end."""


class MeasuredTickets:
    """K tickets at half the prunable weights, and the works that are measured on them.

    Args:
        problem: its batches must be tuples of tensors [N, …].
        make_optimizer: builds the optimizers.
        stream: where masks and batches are drawn from.
        cores: how many cores to work on.
        k: how many tickets; where that exceeds the problem's subsets, these repeat, under masks of their own.
    """

    def __init__(self, problem: Problem, make_optimizer: OptimizerChoice, stream: Stream, cores: int, k: int) -> None:
        self.problem, self.make_optimizer, self.stream, self.cores = problem, make_optimizer, stream, cores
        self.objectives: list[Objective] = list(islice(cycle(problem.objectives), k))
        weights = initial_weights(problem, stream)
        layout, self.device = weights.layout, weights.prunable.device
        self._open = ExitStack()
        # One for all passes: a thread's first operators cost it milliseconds.
        threads = ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,))
        self._threads = self._open.enter_context(threads)
        kept = torch.rand(k, layout.size, generator=stream.at(draw="masks").generator()) < 0.5
        self.masks = Masks(layout, kept)
        self.images = sum(len(next(self._batches(objective))[0]) for objective in self.objectives)

    def __enter__(self) -> "MeasuredTickets":
        return self

    def __exit__(self, *reason: Any) -> None:
        self._open.close()

    def work(self, part: str) -> Work:
        """One of ``PARTS``, on all cores."""
        return {
            "extraction": self._extraction,
            "retraining": self._synchronous,
            "retraining_sequential": self._sequential,
            "evaluation": self._evaluation,
        }[part]()

    def batches_each(self, part: str) -> int:
        """How many batches of each ticket one work of ``PARTS`` does: one, one on every core, or a round's."""
        if part == "extraction" and self.device.type == "cuda":
            return ROUND
        return 1 if part == "retraining" else self.cores

    def _extraction(self) -> Work:
        if self.device.type == "cuda":
            return self._chains
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

    def _chains(self) -> None:
        """A round of every ticket, as many side by side as threads and streams allow."""
        weights = initial_weights(self.problem, self.stream)

        def train(subset: int) -> None:
            objective, mask = self.objectives[subset], self.masks[subset]
            with ticket_training(weights, mask, {}, self.make_optimizer, objective) as training:
                training.train(objective, Rates(ROUND), self.stream.at(subset=objective.name))

        with ThreadPoolExecutor(self.cores) as pool:
            list(pool.map(train, range(len(self.objectives))))

    def _evaluation(self) -> Work:
        networks = [initial_weights(self.problem, self.stream).network.eval() for _ in range(self.cores)]
        batches = self._batches_of_each_worker()

        @torch.no_grad()
        def step(worker: int, subset: int) -> None:
            self.objectives[subset].loss(networks[worker], next(batches[worker][subset]))

        return self._spread(step)

    def _synchronous(self) -> Work:
        return self._joint("synchronous", self.cores)

    def _sequential(self) -> Work:
        jobs = [self._joint("sequential", 1) for _ in range(self.cores)]

        return lambda: [done.result() for done in [self._threads.submit(job) for job in jobs]]

    def _joint(self, update: str, threads: int) -> Work:
        weights = initial_weights(self.problem, self.stream)
        passes = captured_passes(weights, self.masks, self.objectives, self.make_optimizer)
        shared = SharedWeights(weights, self.masks, self.objectives, self._open.enter_context(passes))
        joint_step = UPDATES[update](shared, self.make_optimizer, threads)
        batches = [self._batches(objective) for objective in self.objectives]
        places = [self.stream.at(subset=objective.name) for objective in self.objectives]
        wait_for_devices()  # what was prepared here is read on other streams

        def work() -> None:
            with apart(self.device):  # here, as the current stream is that of a thread
                joint_step([next(turn) for turn in batches], places)

        return work

    def _spread(self, step: Callable[[int, int], None]) -> Work:
        def share(worker: int) -> None:
            for subset in range(len(self.objectives)):
                step(worker, subset)

        return lambda: list(self._threads.map(share, range(self.cores)))

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
        return [repeat(batch) if one else plain_batches(batch) for batch, one in zip(batches, whole, strict=True)]
