"""Which weights of a network masks cover, where nobody says, or by patterns of their names."""

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from rtl_core.errors import SettingsError

NORMALISATIONS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
"""Layers that hold a scale, whatever its shape."""
SQUEEZE_AND_EXCITATION = {"SqueezeExcitation", "SqueezeExcite", "SEModule", "EffectiveSEModule", "SELayer"}
"""What torchvision, timm and others call that layer; timm's attribute is ``se``."""
MOST_SHOWN = 5


def prunable_weights(network: nn.Module, head: Collection[str] | None = None) -> Sequence[str]:
    """Names of every weight of two and more dimensions but the classifier's and those in squeeze-and-excitation (paper
    section 2).

    ``head`` names the classifier's. Without, it is the last layer that holds such weights, by the order in which the
    network holds its layers; where it is the only one, it is pruned. Biases, scales of normalisation layers, and tokens
    and positions (parameters not called weight) stay dense.
    """
    excited = tuple(f"{name}." for name, layer in network.named_modules() if _is_squeeze_and_excitation(name, layer))
    layers = [
        [f"{name}.{own}".removeprefix(".") for own, parameter in layer.named_parameters(recurse=False)
         if parameter.ndim >= 2 and "weight" in own]
        for name, layer in network.named_modules()
        if not isinstance(layer, NORMALISATIONS) and not f"{name}.".startswith(excited)
    ]  # fmt: skip
    with_weights = [names for names in layers if names]
    if head is None:
        with_weights = with_weights[:-1] or with_weights
    return [name for names in with_weights for name in names if name not in (head or ())]


def matching_weights(network: nn.Module, patterns: Sequence[str]) -> Sequence[str]:
    """Names of the parameters that match a pattern, such as ``layers.*.weight``.

    Raises:
        SettingsError: a pattern matches none.
    """
    names = [name for name, _ in network.named_parameters()]
    if unmatched := [one for one in patterns if not any(fnmatchcase(name, one) for name in names)]:
        more = f", … ({len(names)} in all)" if len(names) > MOST_SHOWN else ""
        allowed = f"{', '.join(names[:MOST_SHOWN])}{more}"
        raise SettingsError(f"prunable: no parameter matches {unmatched[0]!r}; allowed: patterns of {allowed}")
    return [name for name in names if any(fnmatchcase(name, one) for one in patterns)]


def _is_squeeze_and_excitation(name: str, layer: nn.Module) -> bool:
    return name.rpartition(".")[2] == "se" or type(layer).__name__ in SQUEEZE_AND_EXCITATION
