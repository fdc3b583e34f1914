"""Classifiers by name or import path: what they are made with, what masks cover, and each mistake in one line."""

import sys
from functools import partial

import pytest
import torch
import torchvision
from torch import nn

from rtl_core.checks import problem_failures
from rtl_core.construction import initial_weights, new_network
from rtl_core.errors import SettingsError
from rtl_core.networks import CLASSIFIERS
from rtl_core.networks.classifier import Classifier
from rtl_core.problems.digits import Digits
from rtl_core.prunable import prunable_weights
from rtl_core.weights import FlatWeights

RGB, GREY = (3, 32, 32), (1, 8, 8)
RESNET = "torchvision.models:resnet18"


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    Digits.partition(folder)
    return folder


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A module of a user's own with networks, sound and not."""
    (tmp_path / "mine_of_test.py").write_text("""
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, num_classes, in_channels=3, width=4):
        super().__init__()
        self.body = nn.Linear(64 * in_channels, width)
        self.head = nn.Linear(width, num_classes)
    def forward(self, images):
        return self.head(self.body(images.flatten(1)).relu())

class Told(Net):
    def __init__(self, num_classes, in_channels=3):
        super().__init__(num_classes, in_channels)
        self.read = torch.ones(3).sum().item()

class Tied(Net):
    def __init__(self, num_classes, in_channels=3):
        super().__init__(num_classes, in_channels, 10)
        self.twice = nn.Linear(10, 10)
        self.again = nn.Linear(10, 10)
        self.again.weight = self.twice.weight

class Fixed(Net):
    def __init__(self, num_classes, in_channels=3):
        super().__init__(7, in_channels)

class Lazy(Net):
    def __init__(self, num_classes, in_channels=3):
        super().__init__(num_classes, in_channels)
        self.body = nn.LazyLinear(4)

def none(num_classes):
    return None

def deaf(classes):
    return Net(classes)
""")
    monkeypatch.syspath_prepend(tmp_path)
    yield "mine_of_test"
    sys.modules.pop("mine_of_test", None)


@pytest.mark.parametrize(
    ("name", "size", "head", "dense"),
    [
        ("small_cnn", GREY, "11", []),
        ("ghostnet", RGB, "classifier", [f"blocks.{k}.se.conv_{way}" for k in (3, 4) for way in ("reduce", "expand")]),
        (RESNET, RGB, "fc", []),
        ("torchvision.models:squeezenet1_1", RGB, "classifier.1", []),
        ("timm:mobilenetv3_small_050", GREY, "classifier", None),
    ],
)
def test_masks_cover_every_weight_but_the_classifiers_and_squeeze_and_excitation(name, size, head, dense):
    classifier = Classifier(name, {}, size, 5)
    network = classifier(5, torch.Generator().manual_seed(0))
    assert classifier.head == {f"{head}.weight", f"{head}.bias"}
    layers = {name for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d | nn.Linear)}
    if dense is None:
        dense = [name for name in layers if ".se." in name]
        assert dense
    assert {*classifier.prunable(network)} == {f"{name}.weight" for name in layers - {head, *dense}}


def test_torchvisions_squeeze_and_excitation_positions_and_scales_stay_dense():
    covered = {*prunable_weights(torchvision.models.mobilenet_v3_small(num_classes=5), ["classifier.3.weight"])}
    assert "features.1.block.0.0.weight" in covered and "classifier.0.weight" in covered
    assert not {name for name in covered if ".fc1." in name or ".fc2." in name or name == "classifier.3.weight"}
    vit = torchvision.models.VisionTransformer(8, 4, 1, 2, 8, 8, num_classes=5)
    names = {
        name.removeprefix("encoder.layers.encoder_layer_0.") for name in prunable_weights(vit, ["heads.head.weight"])
    }
    attention = {"self_attention.in_proj_weight", "self_attention.out_proj.weight"}
    assert names == {"conv_proj.weight", "mlp.0.weight", "mlp.3.weight", *attention}


def test_patterns_choose_what_masks_cover_in_the_networks_order():
    chosen = partial(Classifier, RESNET, {}, RGB, 5)
    network = torchvision.models.resnet18(num_classes=5)
    classifier = chosen(prunable=["layer1*.conv?.weight", "conv1.weight"])
    assert list(classifier.prunable(network)) == [
        "conv1.weight", *(f"layer1.{block}.conv{k}.weight" for block in (0, 1) for k in (1, 2))
    ]  # fmt: skip
    with pytest.raises(SettingsError, match=r"prunable: no parameter matches 'layer9\.\*'; allowed: patterns of conv1"):
        chosen(prunable=["conv1.weight", "layer9.*"])


def test_a_library_network_starts_as_its_constructor_draws_it_and_again_the_same(digits_folder, stream):
    problem = Digits(digits_folder, network=RESNET, device="cpu")
    first, again = (new_network(problem, stream).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    other = new_network(problem, stream.at(draw="other")).state_dict()
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])
    assert problem.images["train"].shape[1] == 3, "a grey image is shown in three equal channels"
    assert torch.equal(problem.images["train"][:, 0], problem.images["train"][:, 2])
    before = torch.random.get_rng_state()
    Digits(digits_folder, network=RESNET, device="cpu")
    assert torch.equal(torch.random.get_rng_state(), before), "a trial draws nothing from the process"


def test_a_network_of_ones_own_is_told_the_classes_and_channels_and_trains(digits_folder, mine, adam, stream):
    problem = Digits(digits_folder, network=f"{mine}:Net", network_arguments={"width": 6}, device="cpu")
    weights = initial_weights(problem, stream)
    assert dict(zip(weights.layout.names, weights.layout.shapes, strict=True)) == {"body.weight": (6, 64)}
    assert list(problem_failures(problem, adam, stream)) == []
    # It cannot be made without values.
    assert Classifier(f"{mine}:Told", {}, (3, 8, 8), 5).head == {"head.weight", "head.bias"}, (
        "made where values are read"
    )


@pytest.mark.parametrize(
    ("name", "arguments", "size", "line"),
    [
        ("resnet18", {}, RGB, "training.network: found 'resnet18'; allowed: small_cnn, ghostnet, timm:NAME, or an"),
        ("nowhere.at:all", {}, RGB, "training.network: cannot import 'nowhere.at:all' (No module named 'nowhere')"),
        ("torchvision.models:resnet17", {}, RGB, "training.network: cannot import 'torchvision.models:resnet17'"),
        ("timm:resnet17", {}, RGB, "training.network: found 'timm:resnet17'; allowed after timm: a name that timm"),
        ("torch.nn:Linear", {}, RGB, "training.network: torch.nn:Linear takes no num_classes"),
        (RESNET, {"weights": "DEFAULT"}, RGB, "training.network_arguments: found weights for torchvision"),
        ("timm:resnet18", {"pretrained": True}, RGB, "training.network_arguments: found pretrained for timm"),
        (RESNET, {"num_classes": 5}, RGB, "training.network_arguments: found num_classes; allowed: others"),
        ("small_cnn", {"depth": 5}, RGB, "unexpected keyword argument 'depth'"),
        (RESNET, {}, (2, 8, 8), "does not take 2 × 8 × 8 images (RuntimeError: Given groups=1"),
        (
            "torchvision.models:googlenet",
            {"init_weights": False},
            (3, 64, 64),
            "in training it returns GoogLeNetOutputs",
        ),
        (
            "{mine}:Fixed",
            {},
            (3, 8, 8),
            "in training it returns [2, 7] for 2 images and num_classes 5; allowed: one tensor",
        ),
        ("{mine}:Lazy", {}, (3, 8, 8), "training.network: found lazy layers"),
        ("{mine}:none", {}, (3, 8, 8), "returns NoneType; allowed: an nn.Module"),
        ("{mine}:deaf", {}, (3, 8, 8), "deaf takes no num_classes; allowed: what returns a network"),
    ],
)
def test_what_is_no_classifier_of_these_images_is_one_line(mine, name, arguments, size, line):
    with pytest.raises(SettingsError) as raised:
        Classifier(name.format(mine=mine), arguments, size, 5)
    assert line in str(raised.value) and "\n" not in str(raised.value) and len(str(raised.value)) < 500


def test_tied_weights_are_refused_by_their_names(mine):
    network = Classifier(f"{mine}:Tied", {}, (3, 8, 8), 5)(5, torch.Generator())
    with pytest.raises(SettingsError, match=r"'twice\.weight' and 'again\.weight' are one \(tied\)"):
        FlatWeights(network, ["body.weight"])


def test_buffers_that_are_no_state_are_left_to_the_constructor():
    network = CLASSIFIERS["small_cnn"](1, 2)
    network.register_buffer("index", torch.arange(3), persistent=False)
    buffers = FlatWeights(network, ["0.weight"]).buffers()
    assert "index" not in buffers and {*buffers} <= {*network.state_dict()}
