"""Networks that nobody here has written: each is trained and repeated as the paper's are, whatever its layers."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from rtl_core.checks import problem_failures
from rtl_core.construction import initial_weights
from rtl_core.duration import Duration
from rtl_core.masks import Masks
from rtl_core.networks.initialisation import initialise
from rtl_core.problem import Objective, Problem, Score
from rtl_core.randomness import Stream
from rtl_core.retraining import retrain
from rtl_core.ticket_file import tickets_to_bytes

TWO = Duration.parse("2it")


def vit():
    blocks = {"num_layers": 2, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 16}
    return torchvision.models.VisionTransformer(image_size=32, patch_size=16, **blocks, dropout=0.1, num_classes=4)


def convnext():
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    return ConvNeXt([CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)], stochastic_depth_prob=0.5, num_classes=4)


def swin(**dropped):
    shape = {"patch_size": [4, 4], "embed_dim": 8, "depths": [2], "num_heads": [2], "window_size": [4, 4]}
    return torchvision.models.SwinTransformer(**shape, stochastic_depth_prob=0.3, num_classes=4, **dropped)


class Every(nn.Module):
    """A layer of many kinds, one after another."""

    def __init__(self):
        super().__init__()
        self.volume = nn.Sequential(nn.Conv3d(3, 4, (1, 4, 4), (1, 4, 4)), nn.GroupNorm(2, 4), nn.PReLU())
        self.sequence = nn.Conv1d(4, 8, 3)
        self.words, self.recurrent = nn.Embedding(10, 8), nn.LSTM(8, 8, 2)
        self.attention, self.norm = nn.MultiheadAttention(8, 2, bias=True, add_bias_kv=True), nn.LayerNorm(8)
        self.pair, self.head = nn.Bilinear(8, 8, 8), nn.Linear(8, 4)
        self.token = nn.Parameter(torch.randn(1, 8))

    def forward(self, x):
        x = self.sequence(self.volume(x.unsqueeze(2)).flatten(2)).transpose(1, 2)
        x, _ = self.recurrent(x + self.words(torch.zeros(x.shape[1], dtype=torch.long)))
        x, _ = self.attention(x, x, x)
        x = self.norm(x.mean(1)) + self.token
        return self.head(self.pair(x, x))


NETWORKS = {"vit": vit, "convnext": convnext, "swin": swin, "every kind of layer": Every}


class Images(Problem):
    """Two labellings of a few images, by a network of any make."""

    subsets = ("left", "right")

    def __init__(self, make, drawn_here=True):
        self.make, self.drawn_here = make, drawn_here
        self.images = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))

    def network(self, generator):
        return initialise(self.make(), generator) if self.drawn_here else self.make()

    def prunable(self, network):
        return [name for name, part in network.named_parameters() if part.ndim > 1 and "head" not in name]

    def objective(self, name, k):
        def batches(generator):
            return torch.randperm(8, generator=generator).split(4)

        def loss(network, index):
            return F.cross_entropy(network(self.images[index]), (index + k) % 4)

        return Objective(name, batches, 2, loss)

    @property
    def objectives(self):
        return [self.objective(name, k) for k, name in enumerate(self.subsets)]

    @property
    def single_objective(self):
        return self.objective("both", 0)

    def score(self, tickets):
        values = [ticket(self.images).square().mean().item() for ticket in tickets]
        named = zip(self.subsets, values, strict=True)
        return [Score("plain", "size", name, value, higher_is_better=True) for name, value in named]

    def score_single(self, network):
        return self.score([network, network])


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS.keys(), scope="module")
def make(request):
    return request.param


def start(make, seed=0, drawn_here=True):
    return initial_weights(Images(make, drawn_here), Stream(seed).at(problem="images"))


def test_a_problem_with_it_has_nothing_to_change(make, adam):
    assert list(problem_failures(Images(make), adam, Stream(0))) == []


def test_one_that_drops_within_its_attention_is_refused_with_the_remedy(adam):
    (line, *_) = problem_failures(Images(lambda: swin(dropout=0.1)), adam, Stream(0))
    assert "objective 'left': training draws random numbers (bernoulli_)" in line and "drop with nn.Dropout" in line


@pytest.mark.parametrize("drawn_here", [True, False], ids=["initialise", "constructor"])
def test_its_weights_come_from_the_stream_alone(make, drawn_here):
    with torch.random.fork_rng():
        first = start(make, drawn_here=drawn_here)
        torch.manual_seed(7)
        again, other = start(make, drawn_here=drawn_here), start(make, 1, drawn_here)
    assert torch.equal(first.prunable, again.prunable) and torch.equal(first.dense, again.dense)
    assert not torch.equal(first.prunable, other.prunable)


@pytest.mark.parametrize("update", ["sequential", "synchronous"])
def test_two_steps_give_the_same_bytes_again_and_on_two_threads(make, adam, update):
    def run(threads=1, seed=0):
        problem, weights = Images(make), start(make)
        kept = torch.rand(2, weights.layout.size, generator=torch.Generator().manual_seed(1)) < 0.6
        stream, masks = Stream(seed).at(problem="images"), Masks(weights.layout, kept)
        return retrain(weights, masks, problem.objectives, TWO, 2, update, adam, stream, threads=threads)

    tickets = run()
    assert not torch.equal(tickets.weights, start(make).prunable * tickets.masks.union())
    assert tickets_to_bytes(tickets) == tickets_to_bytes(run()) == tickets_to_bytes(run(threads=2))
    assert tickets_to_bytes(tickets) != tickets_to_bytes(run(seed=1))


def test_layers_without_a_rule_follow_their_own():
    network = initialise(Every(), torch.Generator().manual_seed(0))
    attention, norm = network.attention, network.norm
    assert torch.equal(norm.weight, torch.ones(8)) and torch.equal(norm.bias, torch.zeros(8))
    assert not attention.in_proj_bias.any() and not attention.out_proj.bias.any()
    assert attention.in_proj_weight.abs().max() <= (6 / (8 + 24)) ** 0.5
    assert network.recurrent.weight_hh_l1.abs().max() <= 8**-0.5


def test_a_parameter_that_nothing_draws_keeps_its_value():
    network = Every()
    token = network.token.detach().clone()
    assert torch.equal(initialise(network, torch.Generator().manual_seed(0)).token, token)


def test_a_layer_that_sets_those_inside_it_has_the_last_word():
    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.gate, self.scale = nn.LayerNorm(2), nn.Linear(2, 2), nn.Parameter(torch.zeros(1))

        def reset_parameters(self):
            for part in (self.norm.weight, self.gate.bias, self.scale):
                nn.init.constant_(part, 0.25)

    outer = initialise(Outer(), torch.Generator().manual_seed(0))
    assert all((part == 0.25).all() for part in (outer.norm.weight, outer.gate.bias, outer.scale))


def test_layers_with_a_rule_are_drawn_as_if_the_others_were_not_there():
    def drawn(*layers):
        return initialise(nn.Sequential(*layers), torch.Generator().manual_seed(0))

    mixed = drawn(nn.LayerNorm(4), nn.Conv1d(4, 4, 3), nn.Linear(4, 4), nn.GRU(4, 4), nn.Conv2d(4, 4, 3))
    plain = drawn(nn.Linear(4, 4), nn.Conv2d(4, 4, 3))
    assert torch.equal(mixed[2].weight, plain[0].weight) and torch.equal(mixed[4].weight, plain[1].weight)
