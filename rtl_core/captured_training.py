"""Training steps as CUDA graphs: one capture serves every round, subset, seed and level of a process."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from itertools import count, islice
from threading import Lock, Semaphore

import torch
from torch import Tensor

from rtl_core.captured import Captured, say_once
from rtl_core.full_length import FullLengthOptimizer
from rtl_core.isolation import OptimizerChoice, OptimizerFactory
from rtl_core.problem import Batch, Objective
from rtl_core.randomness import Stream
from rtl_core.schedule import Rates
from rtl_core.streams import streams_that_pay
from rtl_core.structure import structure_of
from rtl_core.training import add_gradient, batches_of, check_finite
from rtl_core.weights import FlatWeights, with_prefix

MOST = 16
"""Trainings of one kind side by side, if so many pay."""

_kinds: dict[Hashable, "_Kind"] = {}


def can_be_captured(weights: FlatWeights, make_optimizer: OptimizerFactory) -> bool:
    """Whether steps of a network may be CUDA graphs; where it is on a CUDA device and they may not, a line says why."""
    if weights.prunable.is_cuda and not isinstance(make_optimizer, OptimizerChoice):
        _say("the optimizer is none of adam, adamw and sgd")
        return False
    return network_can_be_captured(weights)


def network_can_be_captured(weights: FlatWeights) -> bool:
    """Whether passes of a network may be CUDA graphs; if it is on such a device and they may not, a line says why."""
    if not weights.prunable.is_cuda:
        return False
    if why := _why_not(weights):
        _say(why)
    return not why


def _say(why: str) -> None:
    say_once(f"warning: launched kernel by kernel, not as CUDA graphs: {why}")


def _why_not(weights: FlatWeights) -> str:
    if weights.draws.layers:
        return "the network drops at random, anew at every step"
    if structure_of(weights.network) is None:  # another network could be lent in its place
        return "the network has hooks, or attributes that cannot be compared"
    return ""


class CapturedTraining:
    """A network, an optimizer and a stream of their own.

    Args:
        weights: a network on a CUDA device; taken over.
        choice: the optimizer.
    """

    def __init__(self, weights: FlatWeights, choice: OptimizerChoice) -> None:
        self.weights = weights
        weights.network.train()
        self._optimizer = FullLengthOptimizer(choice, weights.prunable, weights.dense)
        self._losses = torch.zeros((), device=weights.prunable.device)
        state = [weights.prunable, weights.dense, *weights.network.buffers(), self._losses, self._optimizer.taken]
        self.step = Captured(self._step, [*state, *(v for part in self._optimizer.states for v in part.values())])

    @torch.no_grad()
    def take_up(self, weights: FlatWeights, mask: Tensor, carried: dict[str, Tensor]) -> None:
        """Begin inside a mask, bool [d], from what was carried or else from a network of the same kind, which stays."""
        if buffers := list(weights.network.buffers()):  # some are in no state, and so not carried
            torch._foreach_copy_(list(self.weights.network.buffers()), buffers)
        if carried:
            self.weights.load(carried["weights"], carried["dense"])
            self.weights.load_buffers(with_prefix("buffer.", carried))
        else:
            self.weights.load(weights.prunable, weights.dense)
        self._optimizer.begin(mask, with_prefix("moment.", carried))
        self.weights.prunable.mul_(self._optimizer.mask)

    def moments(self) -> dict[str, Tensor]:
        """The optimizer's state by name."""
        return self._optimizer.moments()

    def train(self, objective: Objective, rates: Rates, stream: Stream) -> float:
        """As ``training.train``."""
        self._losses.zero_()
        batches = batches_of(objective, (stream.at(epoch=e) for e in count()))
        for number, batch in enumerate(islice(batches, rates.steps)):
            self._optimizer.scale_rate(rates.factor(number))
            self.step(objective, batch)
        check_finite(self._losses, (self.weights.prunable, self.weights.dense), stream, objective)
        return self._losses.item() / rates.steps

    def _step(self, objective: Objective, batch: Batch) -> None:
        self.weights.zero_gradient()
        self._losses += add_gradient(self.weights.network, objective, batch)
        self._optimizer.step(self.weights.gradient, self.weights.dense_gradient)


class _Kind:
    """All trainings of networks of one kind under one optimizer: those that are free, and room for as many as pay."""

    def __init__(self) -> None:
        self.free: list[CapturedTraining] = []
        self.changing = Lock()
        self.room: Semaphore | None = None

    def measured(self, make: Callable[[], CapturedTraining], objective: Objective) -> Semaphore:
        """Room for as many trainings side by side as pay; measured once, on a batch of an objective."""
        with self.changing:
            if self.room is None:
                batch = next(iter(objective.batches(Stream(0).generator())))

                def launch(number: int) -> None:
                    if number == len(self.free):
                        self.free.append(make())
                    with self.free[number].step.beside():
                        self.free[number].step(objective, batch)

                def wait() -> None:
                    for one in self.free:
                        with one.step.alone():
                            pass

                count = streams_that_pay(launch, wait, MOST)
                del self.free[count:]
                self.room = Semaphore(count)
            return self.room

    def taken(self, make: Callable[[], CapturedTraining], objective: Objective) -> CapturedTraining:
        """A free training, if possible one that has a graph for an objective, or a new one."""
        with self.changing:
            one = next((one for one in self.free if one.step.knows(objective)), self.free[0] if self.free else None)
            if one is not None:
                self.free.remove(one)
        return one or make()


@contextmanager
def lent(weights: FlatWeights, choice: OptimizerChoice, objective: Objective) -> Iterator[CapturedTraining]:
    """Training for networks of this kind under this optimizer, lent to one thread at a time and to as many threads as
    pays; the block runs on its stream.
    """
    of_tensors = (weights.layout, weights.dense_layout, weights.prunable.device)
    kind = _kinds.setdefault((structure_of(weights.network), choice, *of_tensors), _Kind())

    def make() -> CapturedTraining:
        return CapturedTraining(weights.copy(), choice)

    with kind.measured(make, objective):
        training = kind.taken(make, objective)
        with training.step.alone():
            yield training
        with kind.changing:
            kind.free.append(training)
