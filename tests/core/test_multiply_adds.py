"""What passes take in multiply-adds, held against what a person counts, and torch's counter where that is right."""

from math import isnan

import numpy as np
import pytest
import torch
from small_contexts import regression
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from rtl_core.construction import initial_weights
from rtl_core.cost import epochs_of
from rtl_core.multiply_adds import TrainingPasses, multiply_adds
from rtl_core.networks.coordinate_mlp import FEATURES, coordinate_mlp
from rtl_core.networks.ghostnet import ghostnet
from rtl_core.networks.small_cnn import small_cnn
from rtl_core.networks.speech_unet import RATE, speech_unet
from rtl_core.problem import Objective
from rtl_core.weights import FlatWeights

aten = torch.ops.aten
drawn = torch.Generator().manual_seed


def of_training(network, *inputs):
    """Of a pass forward and back; its inputs, as batches do, ask for no gradient."""

    def work():
        outputs = network(*inputs)
        (outputs[0] if isinstance(outputs, tuple) else outputs).square().mean().backward()

    return multiply_adds(work)


def test_convolutions_take_what_a_person_counts():
    # 2 images of 3 × 8 × 8
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),  # each of 4 × 8 × 8 outputs: 3 × 3 × 3
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4),  # each of 4 × 4 × 4 outputs: 3 × 3
        nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2),  # each of 4 × 4 × 4 inputs: 3 outputs of a group, 2 × 2
        nn.Flatten(),
        nn.Linear(6 * 8 * 8, 5),
    )
    first, others = 4 * 64 * 27, 64 * 9 + 64 * 12 + 384 * 5
    images = torch.randn(2, 3, 8, 8)
    assert multiply_adds(lambda: network(images)) == 2 * (first + others)
    # the gradient of each layer's weights takes as much again, and that of its inputs, which the first has no use for
    assert of_training(network, images) == 2 * (2 * first + 3 * others)


def test_ghostnet_takes_what_its_layers_do():
    network, images, counted = ghostnet(3, 10), torch.randn(2, 3, 32, 32), []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(
                lambda layer, _, output: counted.append(output.numel() * layer.weight[0].numel())
            )
    taken = of_training(network, images)
    assert taken == 3 * sum(counted) - counted[0]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_coordinate_network_takes_each_weight_thrice_a_pixel(precision):
    # 53,888 weights; the inputs of the first layer, 34 × 128 of them, need no gradient
    regions = torch.tensor([[0, 0, 1], [1, 1, 1]], dtype=torch.uint8)
    network, of_single = (coordinate_mlp(precision, regions, 0.0, drawn(0), embedded) for embedded in (False, True))
    places = torch.randn(7, FEATURES)
    assert of_training(network, places) == 7 * (3 * 53_888 - FEATURES * 128)
    embeddings = 3 * 2 * 16 * 128
    assert of_training(of_single, places, torch.zeros(7).long()) == 7 * (3 * 53_888 - FEATURES * 128) + embeddings


@pytest.mark.parametrize(
    ("network", "inputs"),
    [
        (small_cnn(1, 10), torch.randn(3, 1, 8, 8)),
        (speech_unet("float32", drawn(0)), torch.randn(1, RATE // 4)),
        (speech_unet("bfloat16", drawn(0)), torch.randn(1, RATE // 4)),
        (nn.GRU(8, 5), torch.randn(7, 4, 8)),
        (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), torch.randn(4, 7, 8)),
    ],
)
def test_it_agrees_with_the_counter_of_torch_where_that_knows_everything(network, inputs):
    with FlopCounterMode(display=False) as flops:
        ours = of_training(network, inputs)
    assert ours == flops.get_total_flops() / 2 > 0


def test_recurrent_layers_take_each_weight_at_every_place():
    places, weights = 7 * 4, 4 * 5 * (8 + 5)
    assert multiply_adds(lambda: nn.LSTM(8, 5)(torch.randn(7, 4, 8))) == places * weights
    # oneDNN takes the gradient of the inputs too
    assert of_training(nn.LSTM(8, 5), torch.randn(7, 4, 8)) == places * weights * 3
    both_ways = places * (2 * 4 * 5 * (8 + 5) + 2 * 4 * 5 * (10 + 5))
    assert of_training(nn.LSTM(8, 5, 2, bidirectional=True), torch.randn(7, 4, 8)) == 3 * both_ways
    # a GRU, step by step: neither the inputs nor the first state need a gradient
    of_inputs, of_states = 3 * 5 * 8, 3 * 5 * 5
    assert of_training(nn.GRU(8, 5), torch.randn(7, 4, 8)) == 2 * places * (of_inputs + of_states) + 6 * 4 * of_states
    weights = [torch.empty(*shape, device="meta") for shape in [(20, 8), (20, 5), (20,), (20,)]]
    state = torch.empty(1, 4, 5, device="meta")
    sequences = torch.empty(7, 4, 8, device="meta")
    on_cuda = [sequences, weights, 4, None, state, state, 2, 5, 0, 1, False, 0.0, True, False, [], None]
    assert multiply_adds(lambda: aten._cudnn_rnn(*on_cuda)) == places * 4 * 5 * (8 + 5)


def test_attention_takes_every_pair_of_places():
    pairs, projections = 3 * 2 * 7 * 7, 3 * 7 * 4 * 8 * 8
    tokens = torch.randn(3, 7, 8)
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    trained = 2 * projections + projections // 4  # inputs need no gradient, what the heads return does
    # written out, both products and the two gradients of each; by a fused kernel, which keeps no QKᵀ, that once more
    assert of_training(attention, tokens, tokens, tokens) == trained + 6 * pairs * 4
    fused = of_training(lambda x: attention(x, x, x, need_weights=False), tokens)
    assert fused == trained + 7 * pairs * 4
    queries, keys = torch.randn(3, 2, 7, 4), torch.randn(3, 1, 7, 4)
    assert multiply_adds(lambda: F.scaled_dot_product_attention(queries, keys, keys, enable_gqa=True)) == 2 * pairs * 4
    heads = torch.empty(3, 2, 64, 32, device="meta")
    for kernel, arguments in {"flash": (), "efficient": (None, True), "cudnn": (None, True)}.items():
        on_cuda = getattr(aten, f"_scaled_dot_product_{kernel}_attention")
        assert (
            multiply_adds(lambda run=on_cuda, more=arguments: run(heads, heads, heads, *more)) == 3 * 2 * 64 * 64 * 64
        )


@torch.library.custom_op("of_a_test::halved", mutates_args=())
def halved(values: torch.Tensor) -> torch.Tensor:
    return values / 2


@pytest.mark.parametrize(
    "work",
    [
        lambda x: nn.Bilinear(8, 8, 3)(x, x),
        lambda x: torch.cdist(x, x),
        lambda x: torch.linalg.inv(x[:, :8] + torch.eye(8)),
        lambda x: torch.mm(torch.eye(8).to_sparse(), x[0]),
        lambda x: torch.complex(x, x) @ torch.complex(x, x),
        lambda x: torch.addbmm(x[0], x, x),
        halved,
    ],
)
def test_what_may_multiply_and_is_not_known_leaves_the_count_open(work):
    assert isnan(multiply_adds(lambda: work(torch.randn(2, 8, 8))))


def test_what_multiplies_no_matrices_takes_nothing():
    def work():
        x = torch.randn(2, 8, 8, requires_grad=True)
        y = F.interpolate(x[None], scale_factor=2, mode="bilinear") + torch.linalg.vector_norm(x) + x.lgamma().mean()
        y = F.avg_pool2d(F.layer_norm(y, [16]).cummax(-1).values, 2).softmax(-1)
        torch.fft.rfft(y).abs().mean().backward()

    assert multiply_adds(work) == 0
    assert multiply_adds(lambda: torch.ones(2, 5).long() @ torch.ones(5, 3).long()) == 2 * 5 * 3
    assert multiply_adds(lambda: torch.ones(2, 3).addmm_(torch.ones(2, 5), torch.ones(5, 3))) == 2 * 5 * 3
    with torch.inference_mode():  # where nothing is recorded, torch's composite operators come whole
        assert multiply_adds(lambda: nn.Linear(5, 3)(torch.ones(2, 5))) == 2 * 5 * 3


def test_masks_save_nothing_and_nothing_is_left(digits, stream):
    whole, cut = (initial_weights(digits, stream) for _ in range(2))
    with torch.no_grad():
        cut.prunable[::2] = 0
    objective = digits.objectives[0]
    batch = next(iter(objective.batches(drawn(0))))
    assert TrainingPasses(whole, stream).multiply_adds(objective, batch) == (
        TrainingPasses(cut, stream).multiply_adds(objective, batch)
    )
    network = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(), nn.Linear(3, 1))
    problem, before = regression(network), torch.get_rng_state()
    start = initial_weights(problem, stream).network.state_dict()
    epochs_of(problem, stream)
    assert torch.equal(torch.get_rng_state(), before)
    for values in (network.state_dict(), initial_weights(problem, stream).network.state_dict()):
        assert all(torch.equal(value, start[name]) for name, value in values.items())


@pytest.mark.parametrize(
    ("besides", "runs"), [(None, 2), ({"speaker": ["a", "b"]}, 2), (np.zeros(2), 4)], ids=["nothing", "names", "array"]
)
def test_batches_of_one_kind_are_counted_once(stream, besides, runs):
    words = {"short": torch.randn(3, 2, 8), "long": torch.randn(9, 2, 8)}
    batches = [(words[length], besides) for length in ("short", "long", "short", "short")]
    seen = []

    def loss(network, batch):
        seen.append(batch)
        return network(batch[0])[0].mean()

    passes = TrainingPasses(FlatWeights(nn.LSTM(8, 5), ["weight_ih_l0"]), stream)
    objective = Objective("words", lambda generator: batches, 4, loss)
    taken = [passes.multiply_adds(objective, batch) for batch in batches]
    assert taken == [3 * length * 2 * 4 * 5 * (8 + 5) for length in (3, 9, 3, 3)]
    assert len(seen) == runs
    passes.multiply_adds(Objective("others", lambda generator: batches, 4, lambda *given: loss(*given)), batches[0])
    assert len(seen) == runs + 1  # another loss may take another pass
