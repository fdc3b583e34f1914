import pytest
import torch
from torch import nn

from rtl_core.errors import SettingsError
from rtl_core.networks.small_cnn import small_cnn
from rtl_core.weights import FlatWeights, Layout


def test_flattening_changes_neither_output_nor_gradients():
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    network = small_cnn(1, 10)
    plain = small_cnn(1, 10)
    plain.load_state_dict(network.state_dict())
    weights = FlatWeights(network, ["0.weight", "3.weight", "6.weight"])
    for one in (network, plain):
        one(images).square().sum().backward()
    theirs = dict(plain.named_parameters())
    parts = weights.layout.split(weights.gradient) | weights.dense_layout.split(weights.dense_gradient)
    assert parts.keys() == theirs.keys()
    assert all(torch.equal(part, theirs[name].grad) for name, part in parts.items())


def test_a_change_of_the_vector_is_a_change_of_the_network():
    weights = FlatWeights(nn.Linear(3, 2), ["weight"])
    weights.load(torch.arange(6.0), torch.tensor([7.0, 8.0]))
    assert weights.network.weight.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert weights.network.bias.tolist() == [7, 8]


def test_unknown_or_missing_names_are_refused():
    with pytest.raises(SettingsError, match="'nothing'"):
        FlatWeights(nn.Linear(3, 2), ["nothing"])
    with pytest.raises(SettingsError, match="no weight is prunable"):
        FlatWeights(nn.Linear(3, 2), [])


def test_tensors_laid_end_to_end_are_split_again():
    layout = FlatWeights(small_cnn(1, 10), ["0.weight", "3.weight"]).layout
    flat = torch.arange(float(layout.size))
    assert torch.equal(layout.join(layout.split(flat)), flat)
    assert Layout((), ()).join({}).shape == (0,)
