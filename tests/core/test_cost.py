"""What a training costs, held against trainings whose batches and steps are counted as they happen."""

import dataclasses
from math import isnan

import pytest
import torch

from rtl_core.chain import extract_round, unpruned
from rtl_core.construction import initial_weights
from rtl_core.cost import Cost, epoch_of, round_cost, summed, training_cost
from rtl_core.duration import Duration
from rtl_core.isolation import TicketOptimizer
from rtl_core.masks import Masks
from rtl_core.one_network import as_one_network
from rtl_core.problem import Objective
from rtl_core.pruning import plan_rounds
from rtl_core.retraining import retrain
from rtl_core.updates import UPDATES


@pytest.fixture
def counted(monkeypatch):
    """A way to count what an objective presents, and the steps of all optimizers."""
    seen = {"steps": 0, "examples": 0}
    step = TicketOptimizer.step

    def counting(self, *gradients):
        seen["steps"] += 1
        return step(self, *gradients)

    monkeypatch.setattr(TicketOptimizer, "step", counting)

    def watched(objective):
        def loss(network, batch):
            images = batch[0] if isinstance(batch[0], torch.Tensor) else batch[1][0]
            seen["examples"] += len(images) * torch.is_grad_enabled()  # batch statistics go forward alone
            return objective.loss(network, batch)

        return dataclasses.replace(objective, loss=loss)

    return seen, watched


def epochs_of(objectives):
    return [epoch_of(objective, torch.Generator()) for objective in objectives]


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("view", [lambda problem: problem, as_one_network])
def test_joint_training_takes_the_steps_and_examples_that_it_is_said_to(digits, stream, adam, counted, update, view):
    problem, (seen, watched) = view(digits), counted
    weights = initial_weights(problem, stream)
    masks = Masks(weights.layout, torch.ones(len(problem.subsets), weights.layout.size, dtype=torch.bool))
    objectives, duration = problem.objectives, Duration.parse("2ep")
    retrain(
        weights, masks, [watched(one) for one in objectives], duration, problem.batches_per_epoch, update, adam, stream
    )
    cost = training_cost(epochs_of(objectives), duration, problem.batches_per_epoch, update)
    assert cost.steps == seen["steps"]
    assert cost.presentations == pytest.approx(seen["examples"], rel=0.02)  # short subsets repeat an uneven batch


def test_rounds_take_the_steps_and_examples_that_they_are_said_to(digits, stream, adam, counted):
    (objective, *_), (seen, watched) = digits.objectives, counted
    weights, duration = initial_weights(digits, stream), Duration.parse("1ep")
    chain = unpruned(weights.layout)
    rounds = plan_rounds(weights.layout.size, [0.5], 0.25, 1)
    for pruning_round in rounds:
        chain = extract_round(weights.copy(), watched(objective), chain, pruning_round, duration, adam, stream)
    (epoch,) = epochs_of([objective])
    cost = summed([round_cost(epoch, duration)] * len(rounds))
    assert cost == (seen["steps"], seen["examples"])


def test_batches_that_do_not_tell_their_examples_leave_them_open():
    untold = Objective("x", lambda generator: [{"some": "thing"}] * 3, 3, lambda network, batch: None)
    cost = round_cost(epoch_of(untold, torch.Generator()), Duration.parse("2ep"))
    assert cost.steps == 6 and isnan(cost.presentations)
    nested = dataclasses.replace(untold, batches=lambda generator: [("all", {"images": torch.zeros(5, 2)})] * 3)
    assert epoch_of(nested, torch.Generator()) == (3, 15)


def test_costs_add_up():
    assert summed([Cost(2, 20.0), Cost(3, 1.0)]) == Cost(5, 21.0) and summed([]) == Cost(0, 0)
