"""Which weights of a network masks cover, where nobody says: those of its layers, but few and delicate ones."""

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

from torch import nn

from rtl_core.errors import SettingsError

SQUEEZE_AND_EXCITATION = {"SqueezeExcitation", "SqueezeExcite", "SEModule", "EffectiveSEModule", "SELayer"}
"""What torchvision, timm and others call that layer; timm's attribute is ``se``."""
MOST_SHOWN = 5


def prunable_weights(network: nn.Module, head: Collection[str] = ()) -> Sequence[str]:
    """Names of the weights of two and more dimensions but the classifier's, ``head``, and those in
    squeeze-and-excitation (paper section 2).

    A weight is what a layer calls so (``weight``, ``in_proj_weight``): tables of positions, class tokens and scales of
    layers are none.
    """
    apart = [f"{name}." for name, module in network.named_modules() if _is_squeeze_and_excitation(name, module)]
    return [
        name
        for name, parameter in network.named_parameters()
        if parameter.ndim > 1
        and "weight" in name.rpartition(".")[2]
        and name not in head
        and not name.startswith(tuple(apart))
    ]


def matching(patterns: Sequence[str], names: Sequence[str], setting: str) -> Sequence[str]:
    """The names that match one of the patterns, as the shell's (``*``, ``?``, ``[…]``), in their own order.

    Raises:
        SettingsError: a pattern matches none.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            more = f", … ({len(names)} in all)" if len(names) > MOST_SHOWN else ""
            raise SettingsError(
                f"{setting}: {pattern!r} matches no parameter; allowed: patterns of names such as "
                f"{', '.join(names[:MOST_SHOWN])}{more}"
            )
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _is_squeeze_and_excitation(name: str, module: nn.Module) -> bool:
    return name.rpartition(".")[2] == "se" or type(module).__name__ in SQUEEZE_AND_EXCITATION
