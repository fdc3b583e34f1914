"""Captured steps, their graphs replaced by their plain bodies, train as the steps that are launched one by one."""

import gc
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from time import sleep
from types import SimpleNamespace
from weakref import WeakSet

import pytest
import torch
from torch import nn

from rtl_core import (
    batch_statistics,
    captured,
    captured_passes,
    captured_statistics,
    captured_training,
    cuda_benchmark,
)
from rtl_core.batch_statistics import own_statistics
from rtl_core.capturable import try_out
from rtl_core.captured import identity_of
from rtl_core.chain import extract_round, unpruned
from rtl_core.construction import initial_weights
from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerChoice
from rtl_core.masks import Masks
from rtl_core.pruning import plan_rounds
from rtl_core.retraining import retrain
from rtl_core.structure import structure_of
from rtl_core.weights import FlatWeights


class PlainBody:
    """What runs where a graph would be replayed."""

    def __init__(self, body, state):
        self._body, self._known = body, set()

    def knows(self, objective):
        return identity_of(objective) in self._known

    @contextmanager
    def alone(self):
        yield

    beside = alone

    def awaited(self):
        pass

    def __call__(self, objective, batch):
        self._known.add(identity_of(objective))
        self._body(objective, batch)


@pytest.fixture
def plain_bodies(monkeypatch):
    """Let everything that could be captured be run by its plain body."""

    def use():
        for module in (captured_training, captured_passes):
            monkeypatch.setattr(module, "Captured", PlainBody)
            monkeypatch.setattr(module, "streams_that_pay", measured)
        for module in ("rtl_core.ticket_training", "rtl_core.captured_passes"):
            monkeypatch.setattr(f"{module}.can_be_captured", lambda weights, make_optimizer: True)
        for module, name in ((captured_training, "_kinds"), (captured_passes, "_free"), (captured_passes, "_counts")):
            monkeypatch.setattr(module, name, {})

    def measured(launch, wait, most):
        for number in range(most):
            launch(number)
        wait()
        return 4

    return use


def chain_of(digits, stream, adam, subset=3):
    rounds, few = plan_rounds(13_968, [0.5], 0.3, 2), Duration.parse("4it")  # the second goes on from the first
    chain = unpruned(initial_weights(digits, stream).layout)
    for pruning_round in rounds:
        weights, objective = initial_weights(digits, stream), digits.objectives[subset]
        chain = extract_round(weights, objective, chain, pruning_round, few, adam, stream.at(subset=objective.name))
    return chain


def test_a_chain_has_the_same_bytes(digits, stream, adam, plain_bodies):
    expected = chain_of(digits, stream, adam)
    plain_bodies()
    for _ in range(2):  # once in a new network, once in one that was lent before
        chain = chain_of(digits, stream, adam)
        assert torch.equal(chain.mask, expected.mask)
        assert chain.carried.keys() == expected.carried.keys()
        assert all(torch.equal(chain.carried[name], value) for name, value in expected.carried.items())


def test_a_network_that_another_subset_was_trained_in_leaves_no_trace(digits, stream, adam, plain_bodies):
    expected = chain_of(digits, stream, adam, 3)
    plain_bodies()
    for subset in (5, 3):
        chain = chain_of(digits, stream, adam, subset)
    assert torch.equal(chain.mask, expected.mask)


@pytest.mark.parametrize("update", ["synchronous", "sequential"])
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_joint_retraining_has_the_same_bytes(digits, stream, update, schedule, plain_bodies):
    generator = torch.Generator().manual_seed(0)
    layout, objectives = initial_weights(digits, stream).layout, digits.objectives[:6]  # more than networks are lent
    masks = Masks(layout, torch.rand(6, layout.size, generator=generator) < 0.5)
    optimizer = OptimizerChoice("adam", 3e-3, schedule=schedule)

    def tickets(seed=0):
        weights = initial_weights(digits, stream)
        place = stream.at(seed=seed)
        return retrain(weights, masks, objectives, Duration.parse("6it"), 4, update, optimizer, place)

    expected = tickets()
    plain_bodies()
    tickets(seed=1)  # whose networks are lent again
    captured = tickets()
    assert torch.equal(captured.weights, expected.weights)
    for found, wanted in zip(
        [captured.dense, *captured.statistics], [expected.dense, *expected.statistics], strict=True
    ):
        assert found.keys() == wanted.keys()
        assert all(torch.equal(found[name], value) for name, value in wanted.items())


class Bent(nn.Linear):
    """A layer that keeps what it computes in an attribute, which its ``repr`` does not show."""

    def __init__(self, bend):
        super().__init__(64, 10)
        self.bend = bend

    def forward(self, images):
        return self.bend * super().forward(images.flatten(1)).relu()


def test_networks_of_one_structure_share_a_training_and_no_others_do(adam, digits, plain_bodies):
    plain_bodies()

    def borrowed(bend, objective=digits.objectives[0]):
        with captured_training.lent(FlatWeights(Bent(bend), ["weight"]), adam, objective) as training:
            training.step(objective, next(iter(objective.batches(torch.Generator()))))
            return training

    ones, others = ({borrowed(bend) for _ in range(8)} for bend in (1.0, 2.0))
    assert len(ones) == len(others) == 4 and not ones & others
    other_loss = replace(digits.objectives[0], precision="bfloat16")
    assert len({borrowed(1.0, other_loss) for _ in range(8)}) == 1  # the one that has a graph for it


def test_as_many_networks_are_lent_at_a_time_as_pays(adam, digits, plain_bodies):
    plain_bodies()
    objective, inside, most = digits.objectives[0], [], []

    def borrow(_):
        with captured_training.lent(FlatWeights(Bent(1.0), ["weight"]), adam, objective) as training:
            inside.append(training)
            most.append(len({*map(id, inside)}))
            sleep(0.02)
            inside.remove(training)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(borrow, range(8)))
    assert max(most) == 4 and not inside


@pytest.mark.parametrize("change", ["repr", "buffer", "attribute", "hook"])
def test_what_makes_networks_differ_is_in_their_structure(change):
    def network():
        return nn.Sequential(Bent(1.0), nn.BatchNorm1d(10))

    one, other = network(), network()
    assert structure_of(one) == structure_of(other) is not None
    if change == "repr":
        other[1].eps = 1e-3
    elif change == "buffer":
        other.register_buffer("places", torch.zeros(3), persistent=False)
    elif change == "attribute":
        other[0].bend = partial(torch.mul, 2.0)
    else:
        other[0].register_forward_hook(object())
        assert structure_of(other) is None
    assert structure_of(one) != structure_of(other)


def test_every_step_could_be_held_by_a_graph_and_is_not_changed_by_the_trial(
    digits, stream, adam, plain_bodies, monkeypatch
):
    expected = chain_of(digits, stream, adam)
    plain_bodies()
    monkeypatch.setattr(PlainBody, "__call__", lambda self, *given: try_out(partial(self._body, *given)))
    chain = chain_of(digits, stream, adam)
    assert torch.equal(chain.mask, expected.mask)
    assert all(torch.equal(chain.carried[name], value) for name, value in expected.carried.items())


class Normed(nn.Module):
    """A layer that is passed twice, one that is never reached, and one that keeps no statistics."""

    def __init__(self):
        super().__init__()
        self.linear, self.twice, self.unused = nn.Linear(64, 10), nn.BatchNorm1d(10), nn.BatchNorm1d(10)
        self.untracked = nn.BatchNorm1d(10, track_running_stats=False)

    def forward(self, images):
        flat = images.flatten(1).to(self.linear.weight.dtype)
        return self.twice(self.untracked(self.twice(self.linear(flat)).relu()))


@pytest.mark.parametrize("tried_out", [False, True])
@pytest.mark.parametrize("network", ["small_cnn", "normed", "normed, float64"])
def test_statistics_are_those_of_layers_that_average_by_themselves(digits, stream, network, tried_out, monkeypatch):
    def weights(seed):
        if network == "small_cnn":
            return initial_weights(digits, stream.at(seed=seed))
        torch.manual_seed(seed)
        return FlatWeights(Normed().double() if "64" in network else Normed(), ["linear.weight"])

    objectives = digits.objectives[:3]
    expected = [own_statistics(weights(seed), one, stream) for seed, one in enumerate(objectives)]
    monkeypatch.setattr(captured_statistics, "Captured", PlainBody)
    monkeypatch.setattr(captured_statistics, "_free", {})
    monkeypatch.setattr(batch_statistics, "network_can_be_captured", lambda weights: True)
    if tried_out:
        monkeypatch.setattr(PlainBody, "__call__", lambda self, *given: try_out(partial(self._body, *given)))
    for seed, (one, wanted) in enumerate(zip(objectives, expected, strict=True)):
        before = weights(seed)
        found = own_statistics(before, one, stream)
        assert found.keys() == wanted.keys()
        for name, value in found.items():  # an average of rounded statistics is rounded once more
            torch.testing.assert_close(value, wanted[name], rtol=1e-5, atol=1e-6)
        untouched = weights(seed)
        assert torch.equal(before.prunable, untouched.prunable)
        assert all(map(torch.equal, before.buffers().values(), untouched.buffers().values()))
    (lent,) = captured_statistics._free.values()
    assert len(lent) == 1  # all three in one network


@pytest.mark.parametrize("network", [nn.Dropout(), Bent(1.0)])
def test_a_line_says_why_a_network_is_not_captured(network, adam, capsys, monkeypatch):
    monkeypatch.setattr(captured, "_told", set())
    weights = SimpleNamespace(
        prunable=SimpleNamespace(is_cuda=True),
        network=network,
        draws=SimpleNamespace(layers=isinstance(network, nn.Dropout)),
    )
    for _ in range(2):
        assert captured_training.can_be_captured(weights, adam) == isinstance(network, Bent)
    told = "warning: launched kernel by kernel, not as CUDA graphs: the network drops at random, anew at every step\n"
    assert capsys.readouterr().err == ("" if isinstance(network, Bent) else told)


def test_the_benchmark_measures_capture_streams_and_memory(digits, stream, adam, plain_bodies, monkeypatch):
    assert cuda_benchmark.on_cuda(digits, adam, stream) is None
    plain_bodies()
    for name, value in (("MOST", 4), ("STEPS", 1), ("can_be_captured", lambda weights, make_optimizer: True)):
        monkeypatch.setattr(cuda_benchmark, name, value)
    alive = WeakSet()

    def tracked(*given):
        alive.add(made := captured_training.CapturedTraining(*given))
        return made

    def peak(device):
        gc.collect()
        return len(alive) * 2**20

    monkeypatch.setattr(cuda_benchmark, "CapturedTraining", tracked)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", peak)
    found = cuda_benchmark.on_cuda(digits, adam, stream)
    assert found["launched_ms"] > 0 and "capture_ms" in found
    assert list(found["images_per_s"]) == ["1", "2", "4"] and str(found["streams"]) in found["images_per_s"]
    assert found["peak_memory_mb"] == found["streams"]  # no training more than is measured
