"""What tells a network from others beside the values of its tensors: two of equal structure compute the same."""

from collections.abc import Hashable
from functools import partial
from types import BuiltinFunctionType, FunctionType
from typing import Any

import torch
from torch import nn

PLAIN = (int, float, complex, str, bytes, torch.dtype, torch.device, type, FunctionType, BuiltinFunctionType)
"""Values that are told apart by equality, or of which each is its own, in a copy of the network too."""
NO_PART_OF_IT = {"_parameters", "_buffers", "_modules", "training"}


def structure_of(network: nn.Module) -> Hashable | None:
    """Every module's class and attributes, and the shapes of its tensors; None where an attribute cannot be compared.

    Hooks and other objects cannot: what they hold may differ where all else is equal.
    """
    try:
        return tuple((name, _of_module(module)) for name, module in network.named_modules())
    except TypeError:
        return None


def plain(value: Any) -> Hashable:
    """A value, however deep, in a form that can be compared.

    Raises:
        TypeError: it holds something else than numbers, texts, functions and classes.
    """
    if value is None or isinstance(value, PLAIN):
        return type(value), value
    if isinstance(value, partial):
        return partial, plain(value.func), plain(value.args), plain(value.keywords)
    if isinstance(value, list | tuple):
        return type(value), tuple(plain(one) for one in value)
    if isinstance(value, set | frozenset):
        return set, frozenset(plain(one) for one in value)
    if isinstance(value, dict):
        return dict, tuple((plain(key), plain(one)) for key, one in value.items())
    raise TypeError(f"a {type(value).__name__} cannot be compared")


def _of_module(module: nn.Module) -> Hashable:
    attributes = {name: value for name, value in vars(module).items() if name not in NO_PART_OF_IT}
    tensors = [
        (name, value.shape, value.dtype, value.stride())
        for name, value in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
    ]
    return type(module), plain(attributes), tuple(tensors)
