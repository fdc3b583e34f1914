"""How tickets of a problem made of contexts are used: what its network, examples and targets say of that."""

import sys
from functools import partial
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from rtl_core.description.architecture import ImportedNetwork, Told
from rtl_core.description.decision import Classes, Decision, Quantities
from rtl_core.description.preprocessing import Arrays
from rtl_core.description.statement import stated
from rtl_core.errors import SettingsError

TORCHVISION = "torchvision.models"


def imported_network(make: object, layer: str | None, contexts: int) -> ImportedNetwork | None:
    """A constructor as a ticket file names it; None of what has no name in a module, or arguments that are not JSON.

    Args:
        make: a class or function, or ``functools.partial`` of one.
        layer: the one that is told the context, if any is.
        contexts: K.
    """
    made: Any = make.func if isinstance(make, partial) else make
    positional, arguments = (make.args, make.keywords) if isinstance(make, partial) else ((), {})
    if not isinstance(made, type | FunctionType):
        return None
    places = [TORCHVISION, str(made.__module__)]  # the first is allowed in files, its modules are not
    module = next((one for one in places if getattr(sys.modules.get(one), made.__qualname__, None) is made), None)
    if module is None:
        return None
    told = None if layer is None else Told(layer=layer, contexts=contexts)
    path = f"{module}:{made.__qualname__}"
    return stated(ImportedNetwork, path=path, positional=positional, arguments=arguments, told=told)


def check_names(names: tuple[str, ...], shape: tuple[int, ...]) -> None:
    """Check that outputs of this shape for one example have so many names, if they have any.

    Raises:
        SettingsError: they have not.
    """
    if names and (len(names),) != shape:
        sides = ", ".join(["N", *map(str, shape)])
        raise SettingsError(f"outputs: found {len(names)} names for outputs [{sides}]; allowed: [N, number of names]")


def input_of(inputs: Tensor) -> Arrays | None:
    """What inputs, [N, …], are; None of numbers of a kind that files do not name."""
    return stated(Arrays, shape=tuple(inputs.shape[1:]), dtype=str(inputs.dtype).removeprefix("torch."))


def decision_of(targets: Tensor, shape: tuple[int, ...], names: tuple[str, ...]) -> Decision | None:
    """Classes where targets, [N], are their numbers, and outputs [N, C]; else quantities.

    Args:
        targets: [N, …].
        shape: of the outputs for one example.
        names: of the outputs, if they have any.
    """
    if targets.dtype == torch.int64 and targets.ndim == 1 and len(shape) == 1:
        return stated(Classes, classes=names or tuple(str(number) for number in range(shape[0])), among={})
    return stated(Quantities, names=names, shape=shape)
