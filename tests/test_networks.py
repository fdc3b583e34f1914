"""The paper's networks: their size, and that what makes them fast changes no value."""

import pytest
import torch
from torch.nn import functional as F

from rtl_core.networks import CLASSIFIERS, as_published
from rtl_core.networks.ghostnet import Bottleneck
from rtl_core.networks.initialisation import initialise
from rtl_core.prunable import prunable_weights


@pytest.fixture
def ghostnet():
    return initialise(CLASSIFIERS["ghostnet"](3, 10), torch.Generator().manual_seed(0))


def test_ghostnet_has_the_papers_prunable_weights(ghostnet):
    names = prunable_weights(ghostnet, ["classifier.weight"])
    parameters = dict(ghostnet.named_parameters())
    assert sum(parameters[name].numel() for name in names) == 125_832
    assert all(parameters[name].ndim == 4 for name in names)
    left = {name for name, parameter in parameters.items() if parameter.ndim == 4} - set(names)
    assert left and all(".se." in name for name in left)


def test_ghostnet_equals_its_published_blocks(ghostnet):
    images = torch.randn(12, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    images = images.contiguous(memory_format=torch.channels_last)

    def loss_and_gradients():
        ghostnet.zero_grad()
        loss = F.cross_entropy(ghostnet(images), torch.arange(12) % 10)
        loss.backward()
        return loss.item(), [parameter.grad.clone() for parameter in ghostnet.parameters()]

    loss, gradients = loss_and_gradients()
    as_published(ghostnet)
    assert not any(isinstance(module, Bottleneck) for module in ghostnet.modules())
    expected_loss, expected = loss_and_gradients()
    assert loss == pytest.approx(expected_loss, abs=1e-6)
    for found, wanted in zip(gradients, expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-5)


def test_initial_weights_are_kaimings(ghostnet):
    parameters = dict(ghostnet.named_parameters())
    for name in ("blocks.8.ghost1.primary_conv.0.weight", "last.0.weight", "head.0.weight"):
        weight = parameters[name]
        expected = (2 / weight[0].numel()) ** 0.5
        assert weight.std().item() == pytest.approx(expected, rel=0.05)
