"""The architectures that problems choose from, by name."""

from collections.abc import Callable

from torch import nn

from rtl_core.networks.small_cnn import small_cnn

CLASSIFIERS: dict[str, Callable[[int, int], nn.Module]] = {"small_cnn": small_cnn}
"""Image classifiers: name → constructor(channels, classes)."""
