"""The architectures of our own that problems choose from, by name."""

from collections.abc import Callable

from torch import nn

from rtl_core.networks.small_cnn import small_cnn


def _ghostnet(channels: int, classes: int) -> nn.Module:
    from rtl_core.networks.ghostnet import ghostnet  # timm takes seconds to import, and only this network needs it

    return ghostnet(channels, classes)


CLASSIFIERS: dict[str, Callable[..., nn.Module]] = {"small_cnn": small_cnn, "ghostnet": _ghostnet}
"""Image classifiers: name → constructor(channels, classes, **arguments)."""


def as_published(network: nn.Module) -> nn.Module:
    """The same network, its blocks as the library that they come from has them: slower, equal in value."""
    for module in network.modules():
        if published := getattr(module, "published", None):
            module.__class__ = published
    return network
