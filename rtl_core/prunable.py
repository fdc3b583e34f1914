"""Which weights of a network masks cover, where nobody says."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from rtl_core.errors import SettingsError

NORMALISATIONS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
"""Layers that hold a scale, whatever its shape."""


def prunable_weights(network: nn.Module) -> Sequence[str]:
    """Names of every weight of two and more dimensions but those of the last layer that holds such weights.

    That layer is the classifier, or whatever gives the outputs: each of its rows is one output's alone, and there is
    little in it to share. It counts by the order in which the network holds its layers; where it is the only one, it is
    pruned. Biases, scales of normalisation layers, and tokens and positions (parameters not called weight) stay dense.
    """
    layers = [
        [f"{name}.{own}".removeprefix(".") for own, parameter in layer.named_parameters(recurse=False)
         if parameter.ndim >= 2 and "weight" in own]
        for name, layer in network.named_modules()
        if not isinstance(layer, NORMALISATIONS)
    ]  # fmt: skip
    with_weights = [names for names in layers if names]
    return [name for names in with_weights[:-1] or with_weights for name in names]


def matching_weights(network: nn.Module, patterns: Sequence[str]) -> Sequence[str]:
    """Names of the parameters that match a pattern, such as ``layers.*.weight``.

    Raises:
        SettingsError: a pattern matches none.
    """
    names = [name for name, _ in network.named_parameters()]
    if unmatched := [one for one in patterns if not any(fnmatchcase(name, one) for name in names)]:
        raise SettingsError(f"prunable: no parameter matches {unmatched[0]!r}; allowed: patterns of {', '.join(names)}")
    return [name for name in names if any(fnmatchcase(name, one) for one in patterns)]
