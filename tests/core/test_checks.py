"""A problem is tried before hours go into it: each thing that would make a wrong number is one line that says so."""

import random
import re
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rtl_core.checks import problem_failures
from rtl_core.construction import initial_weights, new_network
from rtl_core.duration import Duration
from rtl_core.errors import DataError, SettingsError
from rtl_core.extraction import extract_tickets
from rtl_core.isolation import OptimizerChoice
from rtl_core.one_network import as_one_network
from rtl_core.problem import AcrossSubsets, Objective, Problem, Score
from rtl_core.pruning import plan_rounds
from rtl_core.randomness import Stream
from rtl_core.training import batches_of

STREAM, ADAM = Stream(0).at(problem="lines"), OptimizerChoice("adam", 1e-2)


class Lines(Problem):
    """Two lines through noise; the network is what everyone writes first."""

    subsets = ("up", "down")

    def __init__(self):
        draw = STREAM.at(draw="data").generator()
        self.x = torch.randn(24, 3, generator=draw)

    def network(self, generator):
        return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))

    def prunable(self, network):
        return [name for name, weight in network.named_parameters() if weight.ndim == 2]

    def target(self, k):
        return (self.x if k == 0 else -self.x).sum(1, keepdim=True)

    def batches(self, generator):
        yield from torch.randperm(len(self.x), generator=generator).split(8)

    def loss(self, k, network, index):
        return F.mse_loss(network(self.x[index]), self.target(k)[index])

    def objective(self, name, k):
        return Objective(name, self.batches, 3, lambda network, index: self.loss(k, network, index))

    @property
    def objectives(self):
        return [self.objective(name, k) for k, name in enumerate(self.subsets)]

    @property
    def single_objective(self):
        return self.objective("both", 0)

    def score(self, tickets):
        return [
            Score("plain", "mse", name, self.loss(k, ticket, slice(None)).item())
            for k, (name, ticket) in enumerate(zip(self.subsets, tickets, strict=True))
        ]

    def score_single(self, network):
        return self.score([network, network])


class NumpyLayer(nn.Linear):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.weight.data = torch.from_numpy(np.random.randn(outputs, inputs)).float()


class FixedFeatures(nn.Module):
    """Random features that are neither parameter nor buffer."""

    def __init__(self):
        super().__init__()
        self.places = torch.randn(3, 3)

    def forward(self, x):
        return x @ self.places


class Momentum(nn.Module):
    """Learns a scale by itself, in a plain attribute."""

    def __init__(self):
        super().__init__()
        self.scale = 1.0

    def forward(self, x):
        if self.training:
            self.scale = 0.5 * self.scale + 2
        return x * self.scale


class FunctionalDropout(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.01, self.training)


class Attention(nn.MultiheadAttention):
    def __init__(self):
        super().__init__(3, 1, dropout=0.01)

    def forward(self, x):
        return super().forward(x, x, x, need_weights=False)[0]


class Jitter(nn.Module):
    def forward(self, x):
        return x * (1 + random.random()) if self.training else x


def failures(problem):
    return list(problem_failures(problem, ADAM, STREAM))


def with_layer(layer):
    class Own(Lines):
        def network(self, generator):
            return nn.Sequential(*layer(), nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))

    return Own()


def with_method(**methods):
    return type("Own", (Lines,), methods)()


def test_a_sound_problem_has_nothing_to_change():
    assert failures(Lines()) == failures(as_one_network(Lines())) == []


def test_a_plain_constructor_gives_the_same_initial_weights_at_every_call():
    problem = Lines()
    before = torch.get_rng_state()
    first, again = (initial_weights(problem, STREAM).prunable.detach() for _ in range(2))
    other = initial_weights(problem, Stream(1).at(problem="lines")).prunable.detach()
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(123)
    assert torch.equal(first, initial_weights(problem, STREAM).prunable)


def test_threads_that_build_and_draw_at_once_do_not_disturb_each_other():
    problem, expected = Lines(), initial_weights(Lines(), STREAM).prunable.detach()

    def build(number):
        torch.rand(number)
        return initial_weights(problem, STREAM).prunable.detach()

    with ThreadPoolExecutor(4) as pool:
        assert all(torch.equal(expected, found) for found in pool.map(build, range(100)))


def test_masks_of_a_plain_constructor_repeat():
    rounds = plan_rounds(initial_weights(Lines(), STREAM).layout.size, [0.3, 0.6], 0.3, 1)
    masks = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        masks.append(extract_tickets(Lines(), rounds, Duration.parse("2ep"), ADAM, STREAM)[0.6].values)
    assert torch.equal(*masks)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: torch.randn(5), lambda: torch.rand(5), lambda: torch.randperm(9), lambda: torch.randint(99, (5,)),
        lambda: torch.randn_like(torch.ones(5)), lambda: torch.normal(0.0, 1.0, (5,)),
        lambda: torch.empty(5).exponential_(), lambda: F.dropout(torch.ones(50)), lambda: torch.rand(5).bernoulli(),
        lambda: torch.multinomial(torch.ones(50), 9), lambda: nn.init.orthogonal_(torch.empty(4, 4)),
        lambda: nn.LSTM(2, 2).weight_hh_l0.detach(),
    ],
)  # fmt: skip
def test_whatever_a_constructor_draws_comes_from_the_stream(draw):
    problem = SimpleNamespace(network=lambda generator: draw(), single_network=None)
    values = [new_network(problem, STREAM) for _ in range(2)]
    assert torch.equal(*values)
    assert not torch.equal(values[0], new_network(problem, Stream(1)))


def batch_of_none(self, generator):
    yield from ()


def short_epoch(self, generator):
    yield torch.arange(8)


def unseeded_order(self, generator):
    yield from torch.randperm(24).split(8)


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (
            with_layer(lambda: [FunctionalDropout()]),
            r"objective 'up': training draws random numbers \(bernoulli_\).*; drop with nn.Dropout .*p=0",
        ),
        (with_layer(lambda: [Attention()]), "training draws random numbers"),
        (with_layer(lambda: [nn.RReLU()]), "training draws random numbers"),
        (with_layer(lambda: [nn.utils.spectral_norm(nn.Linear(3, 3))]), "changes the buffer 0.weight_u"),
        (
            with_layer(lambda: [nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3))]),
            "changes the buffer 0.parametrizations.weight.0._u",
        ),
        (with_layer(lambda: [nn.Linear(3, 3).requires_grad_(False)]), r"network\(\): .*'0.weight' is frozen"),
        (with_layer(lambda: [NumpyLayer(3, 3)]), r"network\(\): built twice, 0.weight has other values"),
        (with_layer(lambda: [Jitter()]), "steps taken twice"),
        (with_layer(lambda: [Momentum()]), "neither parameter nor buffer"),
        (with_method(network=lambda self, generator: nn.Linear(4, 1)), "objective 'up': RuntimeError: .*shapes"),
        (with_method(network=lambda self, generator: nn.Linear(3, 1).double()), "torch.float64; allowed: torch.float"),
        (with_method(prunable=lambda self, network: ["7.weight"]), "no parameter '7.weight'"),
        (with_method(batches=batch_of_none), "gave no batch"),
        (with_method(batches=short_epoch), "gave 1 in an epoch; batches_per_epoch says 3"),
        (with_method(batches=unseeded_order), "gave other batches for the same generator"),
        (with_method(loss=lambda *_: 1.0), "the loss is float"),
        (with_method(loss=lambda self, k, net, i: (net(self.x[i]) - 1).square()), r"a tensor of shape \[8, 1\]"),
        (with_method(loss=lambda self, k, net, i: net(self.x[i]).mean() / 0), "is -?inf|is nan"),
        (with_method(loss=lambda self, k, net, i: self.x.mean()), "does not depend on the network"),
        (with_method(loss=lambda self, k, net, i: net[3].bias.mean()), "reaches no prunable weight"),
        (with_method(score=lambda self, tickets: []), r"score\(\): found no score"),
        (with_method(score=lambda self, tickets: {"up": 1.0}), r"score\(\): found a str"),
        (with_method(score=lambda self, tickets: 1 / 0), r"score\(\): ZeroDivisionError"),
        (
            with_method(score=lambda self, tickets: [Score("plain", "loss", "mean", torch.rand(()).item())]),
            r"score\(\): it draws random numbers \(rand\)",
        ),
        (with_method(score=lambda self, tickets: [Score("plain", "gain", "mean", 1.0)]), "whether higher is better"),
        (
            with_method(across_subsets=lambda self, network: AcrossSubsets("mae", (1.0, 2.0), torch.zeros(3))),
            r"across_subsets\(\): metric: found 'mae'; allowed: one of score\(\)'s, mse",
        ),
        (with_method(subsets=("up", "mean")), "none may be 'mean'"),
        (with_method(objectives=property(lambda self: [self.objective("up", 0)])), "objectives are called up; allowed"),
    ],
)  # fmt: skip
def test_each_failure_is_one_line_that_says_what_to_change(problem, line):
    found = failures(problem)
    assert any(re.search(line, failure) for failure in found), found
    assert all("\n" not in failure for failure in found)


def test_a_head_that_begins_at_zero_lets_the_loss_reach_all_else_after_a_step():
    class ZeroHead(Lines):
        def network(self, generator):
            network = super().network(generator)
            nn.init.zeros_(network[-1].weight)
            return network

        def prunable(self, network):
            return ["0.weight"]

    assert failures(ZeroHead()) == []


def test_random_features_outside_the_weights_come_back_when_a_ticket_does():
    """They are drawn again at every construction, from the same place of the stream."""
    assert failures(with_layer(lambda: [FixedFeatures()])) == []


def test_the_network_of_imp_single_is_tried_as_well():
    problem = with_method(single_network=lambda self, generator: nn.Sequential(FunctionalDropout(), nn.Linear(3, 1)))
    assert failures(problem) == []
    assert any("objective 'both': training draws" in line for line in failures(as_one_network(problem)))


def test_algorithm_1_tries_the_problem_first():
    problem = with_layer(lambda: [FunctionalDropout()])
    with pytest.raises(SettingsError, match="training draws random numbers"):
        extract_tickets(problem, plan_rounds(32, [0.5], 0.5, 1), Duration.parse("1ep"), ADAM, STREAM)


@pytest.mark.parametrize(("claimed", "found"), [(2, "more"), (4, "3")])
def test_an_epoch_of_another_length_than_claimed_is_an_error(claimed, found):
    objective = Lines().objective("up", 0)
    wrong = Objective(objective.name, objective.batches, claimed, objective.loss)
    with pytest.raises(DataError, match=f"gave {found} in an epoch; batches_per_epoch says {claimed}"):
        list(batches_of(wrong, [STREAM]))
