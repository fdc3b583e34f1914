"""The image classifier that settings stand for: tried before training, made at θ₀, and what masks cover of it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from rtl_core.errors import RtlError, SettingsError
from rtl_core.implicit_draws import drawn_from
from rtl_core.networks.constructors import SETTING, constructor_of
from rtl_core.networks.pretrained import Fit, Pretrained
from rtl_core.prunable import matching_weights, prunable_weights
from rtl_core.randomness import Stream

RGB = 3
IMAGES = 2
"""In a trial batch: batch normalisation needs more than one."""


class Classifier:
    """A constructor of networks that take images float [N, C, H, W] and return logits float [N, outputs].

    Attributes:
        channels: what the network takes: C, or 3 of a network that takes no other where the images are grey.
        head: the parameters whose shapes are the number of outputs'.
    """

    def __init__(
        self,
        name: str,
        arguments: Mapping[str, object],
        size: tuple[int, int, int],
        outputs: int,
        prunable: Sequence[str] = (),
        pretrained: Pretrained | None = None,
    ) -> None:
        """Try a network of the given name, or import path, on two images of ``size`` (C, H, W).

        Args:
            name: see ``constructor_of``.
            arguments: keyword arguments of the constructor.
            size: of an image.
            outputs: for which it is tried; it is made for any number.
            prunable: patterns of the parameters that masks cover; without, they are ``prunable_weights``.
            pretrained: what θ₀ is taken from.

        Raises:
            SettingsError: there is no such network, it cannot be made with these arguments, or it does not take the
                images or does not return one tensor of logits.
            DataError: what it is to start from is of another network.
        """
        self.constructor = constructor_of(name, arguments)
        self.pretrained = pretrained
        self._patterns = prunable
        self.channels, self._device = self._tried(size, outputs)
        network, wider = (self._untrained(count) for count in (outputs, outputs + 1))
        shapes = {name: parameter.shape for name, parameter in wider.named_parameters()}
        self.head = frozenset(name for name, p in network.named_parameters() if p.shape != shapes.get(name))
        self.prunable(network)
        self.fit(outputs)

    def __call__(self, outputs: int, generator: torch.Generator) -> nn.Module:
        """A network at θ₀."""
        network = self.constructor(self.channels, outputs, generator)
        if self.pretrained:
            self.pretrained.load_into(network, self.head)
        return network

    def prunable(self, network: nn.Module) -> Sequence[str]:
        """Names of the parameters that masks cover.

        Raises:
            SettingsError: a pattern matches none.
        """
        if self._patterns:
            return matching_weights(network, self._patterns)
        return prunable_weights(network, self.head)

    def fit(self, outputs: int) -> Fit | None:
        """Which tensors of a network are taken from a file; None where there is none.

        Raises:
            DataError: the file is of another network.
        """
        return self.pretrained.fit(self._untrained(outputs), self.head) if self.pretrained else None

    def _untrained(self, outputs: int) -> nn.Module:
        """A network of the right shapes; where its constructor allows, without values."""
        return _made(partial(self.constructor, self.channels, outputs), self._device)

    def _tried(self, size: tuple[int, int, int], outputs: int) -> tuple[int, str]:
        """The number of channels that the network takes, and a device on which it can be tried."""
        channels, *sides = size
        reasons = []
        for device in ["cpu"] if self.constructor.is_ours else ["meta", "cpu"]:
            for taken in [channels, *([RGB] if channels == 1 else [])]:
                try:
                    network = _made(partial(self.constructor, taken, outputs), device)
                    if not self.constructor.is_ours:
                        _try(network, (taken, *sides), outputs, device)
                except RtlError:
                    raise
                except Exception as problem:  # whatever a constructor or a network raises
                    reasons.append((device, f"{type(problem).__name__}: {' '.join(str(problem).split())[:200]}"))
                else:
                    return taken, device
        reason = next(reason for device, reason in reasons if device == "cpu")
        raise SettingsError(
            f"{SETTING}: {self.constructor.name} cannot be made with training.network_arguments, or does not take "
            f"{channels} × {' × '.join(map(str, sides))} images ({reason})"
        )


def _drawing(device: str) -> AbstractContextManager[None]:
    """Nothing of a trial is drawn from the process's own generator; where tensors have no values, nothing is drawn."""
    return nullcontext() if device == "meta" else drawn_from(Stream(0).at(draw="trial"))


def _made(make: Callable[[], nn.Module], device: str) -> nn.Module:
    with torch.device(device), _drawing(device):
        return make()


@torch.no_grad()
def _try(network: nn.Module, size: Sequence[int], outputs: int, device: str) -> None:
    if any(isinstance(parameter, UninitializedParameter) for parameter in network.parameters()):
        raise SettingsError(f"{SETTING}: found lazy layers, whose shapes come later; allowed: layers with their shapes")
    images = torch.zeros(IMAGES, *size, device=device)
    with _drawing(device):
        for is_training in (True, False):
            returned = network.train(is_training)(images)
            what = list(returned.shape) if isinstance(returned, Tensor) else type(returned).__name__
            if what != [IMAGES, outputs]:
                mode = "training" if is_training else "evaluation"
                raise SettingsError(
                    f"{SETTING}: in {mode} it returns {what} for {IMAGES} images and num_classes {outputs}; "
                    f"allowed: one tensor [{IMAGES}, {outputs}]"
                )
