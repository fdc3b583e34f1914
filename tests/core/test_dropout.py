"""Layers that drop at random: as the libraries' own do, from the step's own stream, and only in training."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from kept_state import KeptState
from timm.layers import DropPath
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from torchvision.ops import StochasticDepth

from rtl_core.batch_statistics import own_statistics
from rtl_core.chain import extract_round, unpruned
from rtl_core.construction import initial_weights
from rtl_core.doubts import losses_not_fallen
from rtl_core.dropout import Draws, draws_of, nothing_dropped
from rtl_core.duration import Duration
from rtl_core.errors import SettingsError
from rtl_core.masks import Masks
from rtl_core.problem import Objective, Problem
from rtl_core.pruning import Round
from rtl_core.randomness import Stream
from rtl_core.retraining import retrain
from rtl_core.ticket_file import tickets_to_bytes

FIVE = Duration.parse("5it")
KINDS = {
    "dropout": (lambda: nn.Dropout(0.3), (4, 6, 5)),
    "dropout in place": (lambda: nn.Dropout(0.3, inplace=True), (40, 6)),
    "dropout of everything": (lambda: nn.Dropout(1.0), (4, 6)),
    "dropout 1d": (lambda: nn.Dropout1d(0.4), (8, 6, 3)),
    "dropout 1d of one example": (lambda: nn.Dropout1d(0.4), (16, 3)),
    "dropout 2d": (lambda: nn.Dropout2d(0.4), (8, 6, 3, 2)),
    "dropout 2d of sequences": (lambda: nn.Dropout2d(0.4), (8, 6, 3)),
    "dropout 3d": (lambda: nn.Dropout3d(0.4, inplace=True), (8, 6, 3, 2, 2)),
    "dropout 3d of one example": (lambda: nn.Dropout3d(0.4), (16, 3, 2, 2)),
    "alpha dropout": (lambda: nn.AlphaDropout(0.2), (8, 6)),
    "alpha dropout of everything": (lambda: nn.AlphaDropout(1.0), (8, 6)),
    "feature alpha dropout": (lambda: nn.FeatureAlphaDropout(0.2), (8, 6, 4)),
    "stochastic depth of rows": (lambda: StochasticDepth(0.3, "row"), (16, 3, 2)),
    "stochastic depth of batches": (lambda: StochasticDepth(0.5, "batch"), (16, 3, 2)),
    "stochastic depth of everything": (lambda: StochasticDepth(1.0, "row"), (16, 3, 2)),
    "drop path": (lambda: DropPath(0.3), (16, 3, 2)),
    "drop path, not scaled": (lambda: DropPath(0.3, scale_by_keep=False), (16, 3, 2)),
}


@pytest.mark.filterwarnings("ignore:dropout2d")
@pytest.mark.parametrize(("layer", "shape"), KINDS.values(), ids=KINDS.keys())
def test_a_layer_does_what_the_librarys_own_does_with_the_same_draws(layer, shape, stream):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with torch.random.fork_rng():
        torch.manual_seed(stream.generator().initial_seed())
        expected = layer()(x.clone())
    ours = layer()
    draws_of(ours).begin(stream)
    before = torch.get_rng_state()
    dropped = ours(x.clone())
    assert isinstance(ours, type(layer())) and repr(ours) == repr(layer())
    assert torch.equal(dropped, expected) and not torch.equal(dropped, x)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(ours.eval()(x.clone()), x)


def test_a_class_of_ones_own_is_taken_over_where_it_leaves_the_dropping_to_the_librarys():
    class Named(nn.Dropout):
        pass

    class Own(nn.Dropout):
        def forward(self, x):
            return F.dropout(x, self.p)

    network = nn.Sequential(Named(0.5), Own(0.5))
    draws_of(network).begin(Stream(0))
    assert isinstance(network[0], Named) and type(network[0]) is not Named and type(network[1]) is Own
    assert len({tuple(network[0](torch.ones(50)).tolist()) for _ in range(2)}) == 2


def test_nothing_is_drawn_before_a_place_is_named_nor_where_activations_are_computed_again():
    layer, x = nn.Dropout(0.5), torch.ones(20, requires_grad=True)
    draws = draws_of(layer)
    with pytest.raises(RuntimeError, match="nothing says where in the run"):
        layer(x)
    draws.begin(Stream(0))
    with pytest.raises(SettingsError, match="computed again in the backward pass"):
        checkpoint(layer, x, use_reentrant=False).sum().backward()


@pytest.mark.parametrize("kind", [nn.Dropout1d, nn.Dropout2d, nn.Dropout3d])
def test_channels_that_are_none_are_not_dropped(kind):
    layer = kind(0.5)
    draws_of(layer).begin(Stream(0))
    with pytest.raises(ValueError, match="dimensions; allowed: "):
        layer(torch.ones(9))


class Dropping(Problem):
    """Three regressions; the network drops elements and whole paths, and normalises."""

    subsets = ("a", "b", "c")

    def __init__(self, share=0.5):
        self.share = share
        self.x = torch.randn(24, 5, generator=torch.Generator().manual_seed(0))

    def network(self, generator):
        parts = nn.Linear(5, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(self.share), StochasticDepth(0.1, "row")
        return nn.Sequential(*parts, DropPath(0.1), nn.Linear(16, 1))

    def prunable(self, network):
        return ["0.weight", "6.weight"]

    def objective(self, name, k):
        batches = 1 + k  # short subsets repeat theirs

        def draw(generator):
            return iter(torch.randperm(24, generator=generator).split(24 // batches))

        def loss(network, index):
            return F.mse_loss(network(self.x[index]), (k + 1) * self.x[index].sum(1, keepdim=True))

        return Objective(name, draw, batches, loss)

    @property
    def objectives(self):
        return [self.objective(name, k) for k, name in enumerate(self.subsets)]

    @property
    def single_objective(self):
        return self.objective("all", 2)

    def score(self, tickets):
        return []


def masks_of(weights):
    kept = torch.rand(3, weights.layout.size, generator=torch.Generator().manual_seed(1)) < 0.7
    return Masks(weights.layout, kept)


def retrained(adam, update="synchronous", seed=0, share=0.5, threads=1, checkpoint=None, duration="4ep"):
    problem, stream = Dropping(share), Stream(seed).at(problem="dropping")
    weights = initial_weights(problem, Stream(0))
    parts = weights, masks_of(weights), problem.objectives, Duration.parse(duration), problem.batches_per_epoch
    return retrain(*parts, update, adam, stream, checkpoint, threads)


def chain_of(subset, adam, seed=0, share=0.5):
    problem, stream = Dropping(share), Stream(seed).at(problem="dropping", subset=subset)
    weights = initial_weights(problem, Stream(0))
    whole, carrying = unpruned(weights.layout), Round(1, 10, 0.1, None, rewinds=False)
    return extract_round(weights, problem.objectives[subset], whole, carrying, FIVE, adam, stream)


@pytest.mark.parametrize("update", ["sequential", "synchronous"])
def test_retraining_repeats_and_depends_on_seed_and_share(adam, update):
    first, again = (tickets_to_bytes(retrained(adam, update)) for _ in range(2))
    assert first == again
    assert first != tickets_to_bytes(retrained(adam, update, seed=1))
    assert first != tickets_to_bytes(retrained(adam, update, share=0.0))


@pytest.mark.parametrize("threads", [2, 3])
def test_retraining_gives_the_same_bytes_for_any_number_of_threads(adam, threads):
    assert tickets_to_bytes(retrained(adam, threads=threads)) == tickets_to_bytes(retrained(adam))


@pytest.mark.parametrize("update", ["sequential", "synchronous"])
def test_an_interrupted_retraining_ends_as_an_uninterrupted_one(adam, update):
    interrupted = KeptState(fail_after=2)
    with pytest.raises(KeyboardInterrupt):
        retrained(adam, update, checkpoint=interrupted)
    resumed = retrained(adam, update, checkpoint=KeptState(interrupted.state))
    assert tickets_to_bytes(resumed) == tickets_to_bytes(retrained(adam, update))


def test_chains_side_by_side_give_what_each_gives_alone(adam):
    alone = [chain_of(subset, adam) for subset in range(3)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda subset: chain_of(subset, adam), [0, 1, 2] * 5))
    for number, chain in enumerate(together):
        expected = alone[number % 3].carried
        assert all(torch.equal(chain.carried[name], expected[name]) for name in expected)
    weights = [chain_of(0, adam, **other).carried["weights"] for other in ({}, {"seed": 1}, {"share": 0.0})]
    assert not torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


@pytest.fixture
def places(monkeypatch):
    """Where in the run each pass drew from."""
    named, begin = [], Draws.begin

    def watched(draws, place):
        named.append(place)
        begin(draws, place)

    monkeypatch.setattr(Draws, "begin", watched)
    return named


@pytest.mark.parametrize("update", ["sequential", "synchronous"])
def test_every_pass_of_a_joint_retraining_draws_from_a_place_of_its_own(adam, places, update):
    retrained(adam, update)
    assert len(places) == len(set(places)) == 4 * 3 * 3
    assert places[0].place[1:] == (("subset", "a"), ("epoch", 0), ("batch", 0))


def test_every_pass_of_a_chain_draws_from_a_place_of_its_own(adam, places):
    chain_of(1, adam)
    ends = [(("round", 1), ("epoch", epoch), ("batch", batch)) for epoch in range(3) for batch in range(2)]
    assert [place.place[2:] for place in places] == ends[:5]


def test_statistics_and_doubts_take_the_whole_network(adam):
    """What a ticket is scored with, and what is said of its loss, is the same whatever share is dropped."""
    stream, tickets = Stream(0).at(problem="dropping"), retrained(adam)
    of_share = []
    for share in (0.0, 0.9):
        problem = Dropping(share)
        weights = initial_weights(problem, Stream(0))
        statistics = own_statistics(weights, problem.objectives[2], stream)
        of_share.append((statistics, losses_not_fallen(tickets, problem.objectives, weights, stream)))
    (plain, losses), (dropped, same_losses) = of_share
    assert all(torch.equal(plain[name], dropped[name]) for name in plain) and plain
    assert losses == same_losses


def test_nothing_dropped_leaves_the_mode_as_it_was():
    network = Dropping().network(None)
    draws_of(network)
    x = torch.ones(4, 16)
    for mode in (True, False):
        network.train(mode)
        with nothing_dropped(network):
            assert torch.equal(network[3](x), x) and network[1].training == mode
        assert all(module.training == mode for module in network.modules())
