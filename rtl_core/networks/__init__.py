"""The architectures that problems choose from, by name, and which of their weights masks cover."""

from collections.abc import Callable, Sequence

from torch import nn

from rtl_core.networks.small_cnn import small_cnn


def _ghostnet(channels: int, classes: int) -> nn.Module:
    from rtl_core.networks.ghostnet import ghostnet  # timm takes seconds to import, and only this network needs it

    return ghostnet(channels, classes)


CLASSIFIERS: dict[str, Callable[[int, int], nn.Module]] = {"small_cnn": small_cnn, "ghostnet": _ghostnet}
"""Image classifiers: name → constructor(channels, classes)."""


def prunable_convolutions(network: nn.Module) -> Sequence[str]:
    """Names of the weights of every convolution but those in squeeze-and-excitation (paper section 2), which timm
    calls ``se``."""
    convolutions = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]
    return [f"{name}.weight" for name in convolutions if "se" not in name.split(".")]


def as_published(network: nn.Module) -> nn.Module:
    """The same network, its blocks as the library that they come from has them: slower, equal in value."""
    for module in network.modules():
        if published := getattr(module, "published", None):
            module.__class__ = published
    return network
