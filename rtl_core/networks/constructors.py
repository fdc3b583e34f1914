"""Which constructor a name or an import path stands for, and what it is called with."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from inspect import Parameter, signature
from typing import Any

from torch import Generator, nn

from rtl_core.errors import SettingsError
from rtl_core.networks import CLASSIFIERS
from rtl_core.networks.initialisation import initialise

SETTING, ARGUMENTS = "training.network", "training.network_arguments"
ALLOWED = f"{', '.join(CLASSIFIERS)}, timm:NAME, or an import path such as torchvision.models:resnet18"
CHANNELS = ("in_chans", "in_channels", "channels")
"""What constructors call the number of channels of an image."""
DOWNLOADS = ("weights", "weights_backbone", "pretrained", "checkpoint_path")
"""By which torchvision and timm are asked for weights, from the network or a file."""


@dataclass(frozen=True)
class Constructor:
    """A network's constructor.

    Attributes:
        name: what the settings call it.
        make: returns a network for the keyword ``num_classes`` and those below.
        channels: the keyword for the number of channels; empty where it takes none.
        is_ours: every weight is drawn by ``initialise``; otherwise θ₀ is as the constructor leaves it.
        arguments: further keyword arguments.
    """

    name: str
    make: Callable[..., Any]
    channels: str = ""
    is_ours: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, channels: int, outputs: int, generator: Generator | None = None) -> nn.Module:
        """A network of so many channels, if it can be told, and outputs: at θ₀, if a generator is given.

        Raises:
            SettingsError: it is no network.
        """
        of_image = {self.channels: channels} if self.channels else {}
        network = self.make(**{**of_image, "num_classes": outputs, **self.arguments})
        if not isinstance(network, nn.Module):
            raise SettingsError(f"{SETTING}: {self.name} returns {type(network).__name__}; allowed: an nn.Module")
        return initialise(network, generator) if self.is_ours and generator else network


def constructor_of(name: str, arguments: Mapping[str, Any]) -> Constructor:
    """What ``small_cnn``, ``timm:resnet18``, ``torchvision.models:resnet18`` or ``mine:MyNet`` stands for.

    Raises:
        SettingsError: nothing, or it cannot be told how many classes there are, or is given what is not the settings'.
    """
    if name in CLASSIFIERS:
        return Constructor(name, partial(_called, CLASSIFIERS[name]), "channels", True, _checked(name, arguments, ()))
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise SettingsError(f"{SETTING}: found {name!r}; allowed: {ALLOWED}")
    is_library = module.partition(".")[0] in ("timm", "torchvision")
    checked = _checked(name, arguments, DOWNLOADS if is_library else ())
    if module == "timm":
        return Constructor(name, _of_timm(attribute), "in_chans", arguments=checked)
    try:
        make = getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as problem:  # a module of the user's own may fail in any way
        reason = " ".join(str(problem).split())[:200]
        raise SettingsError(f"{SETTING}: cannot import {name!r} ({reason}); allowed: {ALLOWED}") from problem
    takes = _parameters(make)
    if not takes or not {"num_classes", "**"} & {*takes}:
        raise SettingsError(
            f"{SETTING}: {name} takes no num_classes; allowed: what returns a network of so many outputs"
        )
    channels = next((one for one in CHANNELS if one in takes and one not in checked), "")
    return Constructor(name, make, channels, arguments=checked)


def _called(make: Callable[..., nn.Module], channels: int, num_classes: int, **arguments: Any) -> nn.Module:
    return make(channels, num_classes, **arguments)


def _checked(name: str, arguments: Mapping[str, Any], refused: tuple[str, ...]) -> Mapping[str, Any]:
    if "num_classes" in arguments:
        raise SettingsError(f"{ARGUMENTS}: found num_classes; allowed: others, as the number of outputs is the data's")
    if asked := [key for key in refused if arguments.get(key)]:
        raise SettingsError(f"{ARGUMENTS}: found {asked[0]} for {name}; allowed: weights from training.checkpoint")
    return arguments


def _of_timm(name: str) -> Callable[..., nn.Module]:
    import timm  # takes seconds to import

    if not timm.is_model(name):
        alike = timm.list_models(f"*{name.partition('.')[0][:8]}*")[:5]
        allowed = f"a name that timm.list_models() has{', such as ' if alike else ''}{', '.join(alike)}"
        raise SettingsError(f"{SETTING}: found 'timm:{name}'; allowed after timm: {allowed}")
    return partial(timm.create_model, name)


def _parameters(make: Any) -> list[str]:
    """The names of the keyword arguments of a constructor; ``**`` where it takes any; none of what is none."""
    try:
        parameters = signature(make).parameters.values()
    except (TypeError, ValueError):
        return []
    named = [one.name for one in parameters if one.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)]
    return [*named, *("**" for one in parameters if one.kind is Parameter.VAR_KEYWORD)]
