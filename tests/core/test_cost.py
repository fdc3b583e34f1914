"""What a training costs, held against trainings whose batches and steps are counted as they happen."""

import dataclasses
from copy import copy
from math import isnan

import pytest
import torch
from small_contexts import regression

from rtl_core import ContextProblem, training
from rtl_core.chain import extract_round, unpruned
from rtl_core.construction import initial_weights
from rtl_core.cost import Cost, epochs_of, round_cost, summed, training_cost
from rtl_core.duration import Duration
from rtl_core.isolation import TicketOptimizer
from rtl_core.masks import Masks
from rtl_core.multiply_adds import multiply_adds
from rtl_core.one_network import as_one_network
from rtl_core.problem import Objective
from rtl_core.pruning import plan_rounds
from rtl_core.retraining import retrain
from rtl_core.updates import UPDATES


@pytest.fixture
def counted(monkeypatch):
    """A way to count what an objective presents, the steps of all optimizers, and what all passes take."""
    seen = {"steps": 0, "examples": 0, "multiply_adds": 0}
    step, add_gradient = TicketOptimizer.step, training.add_gradient

    def counting(self, *gradients):
        seen["steps"] += 1
        return step(self, *gradients)

    def passing(*place):
        losses = []
        seen["multiply_adds"] += multiply_adds(lambda: losses.append(add_gradient(*place)))
        return losses[0]

    monkeypatch.setattr(TicketOptimizer, "step", counting)
    monkeypatch.setattr(training, "add_gradient", passing)

    def watched(objective):
        def loss(network, batch):
            images = batch[0] if isinstance(batch[0], torch.Tensor) else batch[1][0]
            seen["examples"] += len(images) * torch.is_grad_enabled()  # batch statistics go forward alone
            return objective.loss(network, batch)

        return dataclasses.replace(objective, loss=loss)

    return seen, watched


def in_batches(problem, size):
    problem = copy(problem)
    problem.batch_size = size
    return problem


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("view", [lambda problem: problem, as_one_network])
def test_joint_training_takes_what_it_is_said_to(digits, stream, adam, counted, update, view):
    problem, (seen, watched) = view(in_batches(digits, 128)), counted
    weights = initial_weights(problem, stream)
    masks = Masks(weights.layout, torch.ones(len(problem.subsets), weights.layout.size, dtype=torch.bool))
    objectives, duration = problem.objectives, Duration.parse("2ep")
    retrain(
        weights, masks, [watched(one) for one in objectives], duration, problem.batches_per_epoch, update, adam, stream
    )
    taken = dict(seen)
    cost = training_cost(epochs_of(problem, stream), duration, problem.batches_per_epoch, update)
    assert cost.steps == taken["steps"]
    assert cost.presentations == pytest.approx(taken["examples"], rel=0.02)  # short subsets repeat an uneven batch
    assert cost.multiply_adds / cost.presentations == pytest.approx(taken["multiply_adds"] / taken["examples"])


def test_rounds_take_what_they_are_said_to(digits, stream, adam, counted):
    (objective, *_), (seen, watched) = digits.objectives, counted
    weights, duration = initial_weights(digits, stream), Duration.parse("1ep")
    chain = unpruned(weights.layout)
    rounds = plan_rounds(weights.layout.size, [0.5], 0.25, 1)
    for pruning_round in rounds:
        chain = extract_round(weights.copy(), watched(objective), chain, pruning_round, duration, adam, stream)
    taken = tuple(seen.values())
    cost = summed([round_cost(epochs_of(digits, stream)[0], duration)] * len(rounds))
    assert cost == taken and taken[2] > 0


def test_what_is_not_known_stays_open(stream, monkeypatch):
    problem, rows = regression(), torch.ones(5, 3)
    a_pass = 5 * (2 * 3 * 8 + 3 * 8)  # the inputs of the first layer need no gradient

    def cost_of(batch, loss):
        objective = Objective("x", lambda generator: [batch] * 3, 3, loss)
        monkeypatch.setattr(ContextProblem, "objectives", [objective])
        return round_cost(epochs_of(problem, stream)[0], Duration.parse("2ep"))

    told = cost_of(("all", {"rows": rows}), lambda network, batch: network(batch[1]["rows"]).mean())
    assert told == (6, 30, 6 * a_pass)
    untold = cost_of({"some": "thing"}, lambda network, batch: network(rows).mean())
    assert (untold.steps, untold.multiply_adds) == (6, 6 * a_pass) and isnan(untold.presentations)
    unknown = cost_of((rows,), lambda network, batch: torch.cdist(network(*batch), rows[:, :1]).mean())
    assert (unknown.steps, unknown.presentations) == (6, 30) and isnan(unknown.multiply_adds)


def test_costs_add_up():
    assert summed([Cost(2, 20.0, 7), Cost(3, 1.0, 8)]) == Cost(5, 21.0, 15) and summed([]) == Cost(0, 0, 0)
