"""Captured steps, their graphs replaced by their plain bodies, train as the steps that are launched one by one."""

from contextlib import contextmanager
from functools import partial

import pytest
import torch
from torch import nn

from rtl_core import captured_passes, captured_training
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
        return objective.name in self._known

    @contextmanager
    def alone(self):
        yield

    beside = alone

    def awaited(self):
        pass

    def __call__(self, objective, batch):
        self._known.add(objective.name)
        self._body(objective, batch)


@pytest.fixture
def plain_bodies(monkeypatch):
    """Let everything that could be captured be run by its plain body."""

    def use():
        for module in (captured_training, captured_passes):
            monkeypatch.setattr(module, "Captured", PlainBody)
        for module in ("rtl_core.ticket_training", "rtl_core.retraining"):
            monkeypatch.setattr(f"{module}.can_be_captured", lambda weights, make_optimizer: True)
        monkeypatch.setattr(captured_training, "_free", {})

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
    captured_training.MOST_FREE, most = 1, captured_training.MOST_FREE
    try:
        for subset in (5, 3):
            chain = chain_of(digits, stream, adam, subset)
    finally:
        captured_training.MOST_FREE = most
    assert torch.equal(chain.mask, expected.mask)


@pytest.mark.parametrize("optimizer", [OptimizerChoice("adam", 3e-3), OptimizerChoice("adam", 3e-3, schedule="cosine")])
def test_joint_retraining_has_the_same_bytes(digits, stream, optimizer, plain_bodies):
    generator = torch.Generator().manual_seed(0)
    layout = initial_weights(digits, stream).layout
    masks = Masks(layout, torch.rand(10, layout.size, generator=generator) < 0.5)

    def tickets():
        weights = initial_weights(digits, stream)
        return retrain(weights, masks, digits.objectives, Duration.parse("6it"), 4, "synchronous", optimizer, stream)

    expected = tickets()
    plain_bodies()
    captured_passes.MOST, most = 4, captured_passes.MOST  # three waves
    try:
        captured = tickets()
    finally:
        captured_passes.MOST = most
    assert torch.equal(captured.weights, expected.weights)
    assert all(torch.equal(captured.dense[name], value) for name, value in expected.dense.items())


class Bent(nn.Linear):
    """A layer that keeps what it computes in an attribute, which its ``repr`` does not show."""

    def __init__(self, bend):
        super().__init__(64, 10)
        self.bend = bend

    def forward(self, images):
        return self.bend * super().forward(images.flatten(1)).relu()


def test_networks_of_one_structure_share_a_training_and_no_others_do(adam, digits, plain_bodies, monkeypatch):
    plain_bodies()
    monkeypatch.setattr(captured_training, "MOST_FREE", 1)

    def borrowed(bend):
        with captured_training.lent(FlatWeights(Bent(bend), ["weight"]), adam, digits.objectives[0]) as training:
            return training

    first = borrowed(1.0)
    assert borrowed(1.0) is first
    assert borrowed(2.0) is not first


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


def test_a_loss_is_known_by_its_numbers_and_not_by_its_tensors():
    assert (
        identity_of(partial(torch.add, 1)) == identity_of(partial(torch.add, 1)) != identity_of(partial(torch.add, 2))
    )
    weighted = [partial(nn.functional.cross_entropy, weight=torch.ones(2)) for _ in range(2)]
    assert identity_of(weighted[0]) != identity_of(weighted[1])
