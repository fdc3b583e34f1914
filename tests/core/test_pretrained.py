"""θ₀ from a file: what is taken by name and shape, however it was wrapped, and what of a file is refused."""

import json
import struct
import zipfile

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from rtl_core.construction import initial_weights
from rtl_core.errors import DataError
from rtl_core.masks import Masks
from rtl_core.networks.classifier import Classifier
from rtl_core.networks.pretrained import Pretrained
from rtl_core.one_network import as_one_network
from rtl_core.problems.digits import Digits
from rtl_core.ticket_file import tickets_to_bytes
from rtl_core.tickets import Tickets
from rtl_core.weights import FlatWeights, to_cpu

SMALL, SIZE = "small_cnn", (1, 8, 8)


class Scale(nn.Module):
    """What a file may not hold whole: it is code."""


def trained(outputs: int = 10) -> nn.Module:
    """A small classifier with values of its own everywhere."""
    network = Classifier(SMALL, {}, SIZE, outputs)(outputs, torch.Generator().manual_seed(7))
    for name, buffer in network.named_buffers():
        buffer.fill_(3 if "tracked" in name else 0.25)
    return network


def wrapped(path, how):
    state = trained().state_dict()
    torch.save(
        {
            "plain": state,
            "state_dict": {"state_dict": state, "epoch": 3, "optimizer": {"lr": 0.1}},
            "model": {"model": state},
            "parallel": {f"module.{name}": value for name, value in state.items()},
            "compiled": {"model": {f"_orig_mod.module.{name}": value for name, value in state.items()}},
            "half": {name: value.half() if value.is_floating_point() else value for name, value in state.items()},
        }[how],
        path,
    )


@pytest.mark.parametrize("how", ["plain", "state_dict", "model", "parallel", "compiled", "half"])
def test_every_common_wrapping_is_the_same_network(tmp_path, how):
    wrapped(tmp_path / "a.pth", how)
    classifier = Classifier(SMALL, {}, SIZE, 10, pretrained=Pretrained(tmp_path / "a.pth"))
    state = classifier(10, torch.Generator().manual_seed(1)).state_dict()
    for name, value in trained().state_dict().items():
        assert torch.equal(state[name], value.half().float() if how == "half" and "tracked" not in name else value), (
            name
        )


def test_a_head_of_another_size_is_drawn_and_the_line_tells(tmp_path):
    save_file(trained(7).state_dict(), tmp_path / "a.safetensors")
    classifier = Classifier(SMALL, {}, SIZE, 10, pretrained=Pretrained(tmp_path / "a.safetensors"))
    drawn = Classifier(SMALL, {}, SIZE, 10)(10, torch.Generator().manual_seed(1)).state_dict()
    state = classifier(10, torch.Generator().manual_seed(1)).state_dict()
    for name, value in trained(7).state_dict().items():
        assert torch.equal(state[name], drawn[name] if name.startswith("11.") else value), name
    assert str(classifier.fit(10)) == "loaded 18 tensors; drawn: 11.weight, 11.bias; left over: 11.bias, 11.weight"
    assert str(classifier.fit(7)) == "loaded 20 tensors; drawn: none; left over: none"


def test_tickets_and_imp_single_start_from_the_file(tmp_path, stream):
    Digits.partition(tmp_path)
    torch.save({"model": {"extra": torch.ones(2), **trained(5).state_dict()}}, tmp_path / "a.pt")
    problem = Digits(tmp_path, checkpoint=str(tmp_path / "a.pt"), device="cpu")
    assert problem.starts_from == (
        f"{tmp_path}/a.pt: loaded 18 tensors; drawn: 11.weight, 11.bias; left over: extra, 11.weight, 11.bias"
    )
    assert Digits(tmp_path, device="cpu").starts_from == ""
    for view in (problem, as_one_network(problem)):
        weights = initial_weights(view, stream)
        own = FlatWeights(trained(5), weights.layout.names)
        assert torch.equal(weights.prunable, own.prunable)
        assert torch.equal(weights.buffers()["1.running_mean"], torch.full((16,), 0.25))


def test_the_ticket_of_imp_single_is_a_checkpoint(tmp_path):
    weights = FlatWeights(trained(), ["0.weight", "3.weight", "6.weight"])
    mask = torch.arange(weights.layout.size) % 3 > 0
    dense = weights.dense_layout.split(to_cpu(weights.dense))
    tickets = Tickets(
        ("all",), Masks(weights.layout, mask[None]), to_cpu(weights.prunable), dense, (weights.buffers(),)
    )
    (tmp_path / "a.safetensors").write_bytes(tickets_to_bytes(tickets))
    network = Classifier(SMALL, {}, SIZE, 10, pretrained=Pretrained(tmp_path / "a.safetensors"))(10, torch.Generator())
    assert torch.equal(FlatWeights(network, weights.layout.names).prunable, weights.prunable * mask)
    two = Tickets(("a", "b"), Masks(weights.layout, mask.repeat(2, 1)), tickets.weights, dense, tickets.statistics * 2)
    (tmp_path / "two.safetensors").write_bytes(tickets_to_bytes(two))
    with pytest.raises(DataError, match="holds 2 tickets; allowed: weights of one network"):
        Pretrained(tmp_path / "two.safetensors")


def squeezed(path):
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)


def circle():
    held = {}
    held["model"] = held
    return held


HOSTILE = {
    "code": (lambda path: torch.save(Scale(), path), "not readable (UnpicklingError: "),
    "a list": (lambda path: torch.save([torch.ones(1)], path), "holds list, or nothing"),
    "nothing": (lambda path: torch.save({}, path), "holds dict, or nothing"),
    "a number": (lambda path: torch.save({"0.weight": 3}, path), "'0.weight' is int"),
    "a circle": (lambda path: torch.save(circle(), path), "'model' is dict"),
    "not finite": (lambda path: torch.save({"0.weight": torch.tensor([float("nan")])}, path), "is not finite"),
    "complex": (lambda path: torch.save({"a": torch.ones(1, dtype=torch.complex64)}, path), "is sparse, quantised or"),
    "more than it is": (lambda path: torch.save({"a": torch.ones(1).expand(1 << 40)}, path), "more values than are in"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:400]), "not readable ("),
    "bytes": (lambda path: path.write_bytes(b"\0" * 100), "not readable ("),
    "squeezed": (squeezed, "found compressed parts, which torch.save does not write"),
    "another network": (
        lambda path: torch.save({"stem.weight": torch.ones(2)}, path),
        "of another network: it has stem.weight",
    ),
    "another width": (
        lambda path: torch.save({"0.weight": torch.ones(8, 1, 3, 3)}, path),
        "of another network: 0.weight is [8, 1, 3, 3]; allowed: [16, 1, 3, 3]",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_file_that_is_damaged_or_another_networks_is_one_line(tmp_path, what):
    make, line = HOSTILE[what]
    path = tmp_path / "a.pt"
    wrapped(path, "plain")
    make(path)
    with pytest.raises(DataError) as raised:
        Classifier(SMALL, {}, SIZE, 10, pretrained=Pretrained(path))
    assert str(raised.value).startswith(f"{path}: ") and line in str(raised.value) and "\n" not in str(raised.value)


def test_a_checkpoint_that_is_not_there_of_no_kind_or_lies_about_itself_is_one_line(tmp_path):
    header = json.dumps({"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}).encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    for name, line in [
        ("none.pt", "not found; allowed: a file of weights"),
        ("a.bin", "found the ending '.bin'; allowed: .safetensors, .pt, .pth"),
        ("a.safetensors", "not readable (SafetensorError"),
    ]:
        with pytest.raises(DataError) as raised:
            Pretrained(tmp_path / name)
        assert line in str(raised.value)


def test_resnet18s_own_file_fits_it_and_resnet50s_does_not(tmp_path):
    torch.save(torchvision.models.resnet34(num_classes=3).state_dict(), tmp_path / "a.pth")
    deeper = Classifier("torchvision.models:resnet18", {}, (3, 32, 32), 5, pretrained=Pretrained(tmp_path / "a.pth"))
    assert len(deeper.fit(5).loaded) == 120 and "layer1.2.conv1.weight" in deeper.fit(5).left_over
    torch.save(torchvision.models.resnet50(num_classes=3).state_dict(), tmp_path / "b.pth")
    with pytest.raises(DataError, match=r"b\.pth: of another network: layer1\.0\.conv1\.weight is \[64, 64, 1, 1\]"):
        Classifier("torchvision.models:resnet18", {}, (3, 32, 32), 5, pretrained=Pretrained(tmp_path / "b.pth"))
