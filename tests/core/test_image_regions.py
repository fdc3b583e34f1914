import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from rtl_core.construction import initial_weights
from rtl_core.describing import described
from rtl_core.duration import Duration
from rtl_core.errors import TicketFileError
from rtl_core.isolation import OptimizerChoice
from rtl_core.masks import Masks
from rtl_core.networks import as_published
from rtl_core.networks.coordinate_mlp import BLOCK, FEATURES, CoordinateMLP, fourier_features
from rtl_core.one_network import as_one_network
from rtl_core.problem import Exhibit
from rtl_core.problems.image_regions import MOST_DB, ImageRegions
from rtl_core.randomness import Stream
from rtl_core.retraining import retrain
from rtl_core.ticket_file import tickets_from_bytes, tickets_to_bytes
from rtl_core.use.painting import painted
from rtl_core.use.tickets_in_use import TicketsInUse

STREAM = Stream(0).at(problem="images/china")


def generator() -> torch.Generator:
    return STREAM.generator()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The embedded photographs, 24 pixels wide, each with four regions."""
    folder = tmp_path_factory.mktemp("images")
    ImageRegions.partition(folder, longest_side=24, num_regions=4)
    return folder


@pytest.fixture(scope="module")
def china(folder):
    return ImageRegions(folder / "china", device="cpu")


@pytest.fixture(scope="module")
def tickets(china):
    """Tickets under random masks, trained a little."""
    weights = initial_weights(china, STREAM)
    masks = Masks(weights.layout, torch.rand(len(china.subsets), weights.layout.size, generator=generator()) < 0.5)
    adam = OptimizerChoice("adam", 1e-2)
    return retrain(weights, masks, china.objectives, Duration.parse("5it"), 1, "synchronous", adam, STREAM)


def in_use(problem, tickets, name="x"):
    """What is read from a file of these tickets."""
    data = tickets_to_bytes(described(tickets, problem, "rtl", 0.5, 0, []))
    return TicketsInUse.of(tickets_from_bytes(data, name), name, device="cpu")


def networks_of(problem, tickets):
    return [tickets.network(k, problem.network(generator())) for k in range(len(tickets.subsets))]


def test_the_embedded_photographs_are_two_instances(folder, china):
    assert list(ImageRegions.instances(folder)) == ["china", "flower"]
    assert china.subsets == tuple(f"region {k}" for k in range(1, len(china.subsets) + 1))
    assert 2 <= len(china.subsets) <= 4 and sum(map(len, china.members)) == china.height * china.width


@pytest.mark.parametrize("activation", ["relu", "sine"])
def test_masks_cover_53_888_weights_that_are_the_same_for_every_method(folder, activation):
    problem = ImageRegions(folder / "china", activation=activation, device="cpu")
    ticket, single = initial_weights(problem, STREAM), initial_weights(as_one_network(problem), STREAM)
    assert ticket.layout.size == 53_888 and ticket.dense_layout.size == 4 * 128 + 3
    assert single.layout == ticket.layout and torch.equal(single.prunable, ticket.prunable)
    assert single.dense_layout.size == 4 * 128 + 3 + 16 * (128 + len(problem.subsets))


def test_an_embedding_is_16_more_inputs_of_the_first_layer(china):
    network = china.single_network(generator())
    wide = torch.nn.Linear(FEATURES + 16, 128)
    wide.weight.data = torch.cat([network.layers[0].weight, network.embedded], dim=1).data
    wide.bias.data = network.layers[0].bias.data
    hidden = wide(torch.cat([china.features, network.embedding[china.region]], dim=1)).relu()
    for layer in network.layers[1:-1]:
        hidden = layer(hidden).relu()
    torch.testing.assert_close(network(china.features, china.region), network.layers[-1](hidden))


def test_features_are_places_and_their_sines_and_cosines():
    features = fourier_features(2, 3)
    assert features.shape == (6, 34)
    assert features[0, :2].tolist() == pytest.approx([-2 / 3, -1 / 2])
    assert features[5, :2].tolist() == pytest.approx([2 / 3, 1 / 2])
    torch.testing.assert_close(features[:, 2:18] ** 2 + features[:, 18:] ** 2, torch.ones(6, 16))
    assert features[5, 2].item() == pytest.approx(math.sin(math.pi / 2 * 2 / 3))


def test_losses_of_all_regions_add_up_to_that_of_the_image(china):
    network = china.network(generator())
    losses = [objective.loss(network, next(iter(objective.batches(generator())))) for objective in china.objectives]
    over_image = F.mse_loss(network(china.features), china.colours)
    torch.testing.assert_close(sum(losses) / len(losses), over_image)


def test_half_precision_speeds_up_training_alone(folder, china):
    fast = ImageRegions(folder / "china", precision="bfloat16", device="cpu").network(generator())
    exact = china.network(generator())
    trained, plain = fast.train()(china.features), exact.train()(china.features)
    assert trained.dtype == torch.float32 and not torch.equal(trained, plain)
    torch.testing.assert_close(trained, plain, atol=0.01, rtol=0.02)
    assert torch.equal(fast.eval()(china.features), plain)
    assert type(as_published(fast)) is CoordinateMLP and torch.equal(fast.train()(china.features), plain)


@pytest.mark.parametrize("count", [0, 1, BLOCK - 1, BLOCK + 1, 3 * BLOCK + 7])
def test_evaluation_in_blocks_gives_the_bytes_of_all_places_at_once(china, count):
    chosen = torch.randint(len(china.features), (count,), generator=generator())
    places = (china.features[chosen], china.region[chosen])
    for network, told in ((china.network(generator()), places[:1]), (china.single_network(generator()), places)):
        in_blocks = network.eval()(*told)
        assert torch.equal(in_blocks, as_published(network)(*told)) and len(in_blocks) == count


def test_half_precision_leaves_the_gradients_of_every_method_what_they_are(folder, china):
    fast = ImageRegions(folder / "china", precision="bfloat16", device="cpu").single_network(generator()).train()
    exact, objective = china.single_network(generator()).train(), china.single_objective
    for network in (fast, exact):
        objective.loss(network, next(iter(objective.batches(generator())))).backward()
    for (name, parameter), other in zip(exact.named_parameters(), fast.parameters(), strict=True):
        off = (other.grad - parameter.grad).norm() / parameter.grad.norm()
        assert off < 0.03, name


def test_a_ticket_paints_its_own_region_and_no_other(china, tickets):
    networks = networks_of(china, tickets)
    before = china.exhibit(networks)[0].pixels
    networks[1].layers[-1].bias.data += 0.5
    changed = (china.exhibit(networks)[0].pixels != before).any(2)
    assert changed.any() and set(china.map[changed].tolist()) == {1}


def test_scores_are_those_of_the_picture(china, tickets):
    networks = networks_of(china, tickets)
    assert {(s.higher_is_better, s.chance) for s in china.score(networks)} == {(True, None)}
    scores = {(s.metric, s.subset): s.value for s in china.score(networks)}
    painted, target = china.exhibit(networks)[0].pixels.double() / 255, china.references[0].pixels.double() / 255
    off = ((painted - target) ** 2).mean(2)
    assert scores["psnr", "mean"] == pytest.approx(-10 * math.log10(off.mean()), abs=0.05)  # pixels are rounded
    for k, name in enumerate(china.subsets):
        assert scores["region_psnr", name] == pytest.approx(-10 * math.log10(off[china.map == k].mean()), abs=0.05)
    assert 0 < scores["ssim", "mean"] < 1
    error = china.exhibit(networks)[1]
    assert error.name == "error × 4" and error.pixels.shape == (china.height, china.width, 3)
    own = china.across_subsets(networks[1])
    assert own.scores[1] == pytest.approx(scores["region_psnr", "region 2"])


def test_a_perfect_image_scores_what_eight_bits_hold(china):
    class Perfect(torch.nn.Module):
        def forward(self, features, region):
            return china.colours

    scores = {(s.metric, s.subset): s.value for s in china.score_single(Perfect())}
    assert scores["psnr", "mean"] == scores["region_psnr", "region 1"] == MOST_DB
    assert scores["ssim", "mean"] == pytest.approx(1)
    assert china.exhibit_single(Perfect())[1].pixels.max() == 0


def test_a_file_is_painted_as_it_was_scored(china, tickets):
    read = in_use(china, tickets)
    scored = china.exhibit(networks_of(china, tickets))[0].pixels
    assert torch.equal(painted(read), scored) and torch.equal(painted(read, (china.height, china.width)), scored)
    assert painted(read, (7, 100)).shape == (7, 100, 3)


def test_at_twice_the_size_an_image_is_as_near_the_photograph_as_its_enlargement(tmp_path):
    ImageRegions.partition(tmp_path / "once", longest_side=32, num_regions=3)
    ImageRegions.partition(tmp_path / "twice", longest_side=64, num_regions=3)
    once, twice = (ImageRegions(tmp_path / name / "flower", device="cpu") for name in ("once", "twice"))
    weights = initial_weights(once, STREAM)
    everything = Masks(weights.layout, torch.ones(len(once.subsets), weights.layout.size, dtype=torch.bool))
    adam = OptimizerChoice("adam", 1e-2)
    tickets = retrain(weights, everything, once.objectives, Duration.parse("200it"), 1, "synchronous", adam, STREAM)
    read, target = in_use(once, tickets), twice.references[0].pixels.double()

    def off(pixels):
        return -10 * math.log10(
            (torch.from_numpy(np.asarray(pixels).copy()).double() - target).div(255).square().mean()
        )

    own, size = Image.fromarray(painted(read).numpy()), (twice.width, twice.height)
    found, bicubic = off(painted(read, size[::-1]).numpy()), off(own.resize(size, Image.Resampling.BICUBIC))
    features, inside = fourier_features(*size[::-1]), F.interpolate(once.map[None, None], size[::-1])[0, 0].flatten()
    between = torch.stack([read.context(name).cpu()(features) for name in once.subsets]).detach()
    between = between[inside.long(), torch.arange(len(inside))].clamp(0, 1).reshape(*size[::-1], 3) * 255
    assert found > bicubic - 0.1 and found > off(between.numpy()) + 3


def test_one_network_for_all_regions_is_painted_from_its_file(china):
    weights = initial_weights(as_one_network(china), STREAM)
    mask = Masks(weights.layout, torch.rand(1, weights.layout.size, generator=generator()) < 0.5)
    adam = OptimizerChoice("adam", 1e-2)
    single = retrain(weights, mask, [china.single_objective], Duration.parse("5it"), 1, "sequential", adam, STREAM)
    shown = china.exhibit_single(single.network(0, china.single_network(generator())))[0]
    assert torch.equal(painted(in_use(as_one_network(china), single)), shown.pixels)


def test_what_is_no_image_is_not_painted(china, tickets, digits):
    weights = initial_weights(digits, STREAM)
    masks = Masks(weights.layout, torch.ones(10, weights.layout.size, dtype=torch.bool))
    adam = OptimizerChoice()
    other = retrain(weights, masks, digits.objectives, Duration.parse("1it"), 1, "sequential", adam, STREAM)
    with pytest.raises(TicketFileError, match=r"^digits\.safetensors: holds no image"):
        painted(in_use(digits, other, "digits.safetensors"))
    of_one = retrain(
        initial_weights(china, STREAM), tickets.masks.select([0]), china.objectives[:1], Duration.parse("1it"), 1,
        "sequential", adam, STREAM,
    )  # fmt: skip
    with pytest.raises(TicketFileError, match=rf"^one: holds 1 of the image's {len(china.subsets)} regions"):
        painted(in_use(china, of_one, "one"))


def test_pixels_are_random_partition_in_equal_parts(china):
    dealt = china.random_partition(generator())
    sizes = [len(index) for index in dealt.members]
    assert sum(sizes) == china.height * china.width and max(sizes) - min(sizes) <= 1
    assert sorted(torch.cat(dealt.members).tolist()) == list(range(china.height * china.width))


def test_references_are_the_photograph_and_its_regions(folder, china):
    target, regions = china.references
    assert isinstance(target, Exhibit) and target.name == "target" and regions.name == "regions"
    assert torch.equal(target.pixels, (china.colours * 255).round().to(torch.uint8).reshape(target.pixels.shape))
    colours = {tuple(colour) for colour in regions.pixels.reshape(-1, 3).tolist()}
    assert len(colours) == len(china.subsets)


@pytest.mark.slow
def test_an_unpruned_network_learns_a_photograph_of_64_pixels(tmp_path):
    ImageRegions.partition(tmp_path, longest_side=64)
    problem = ImageRegions(tmp_path / "flower", device="cpu")
    weights = initial_weights(as_one_network(problem), STREAM)
    everything = Masks(weights.layout, torch.ones(1, weights.layout.size, dtype=torch.bool))
    adam, objective = OptimizerChoice("adam", 8e-3), problem.single_objective
    trained = retrain(weights, everything, [objective], Duration.parse("140it"), 1, "sequential", adam, STREAM)
    scores = problem.score_single(trained.network(0, problem.single_network(generator())))
    assert scores[0][:3] == ("reconstruction", "psnr", "mean") and scores[0].value >= 30
