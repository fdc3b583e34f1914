"""Random draws that name no generator, as most constructors' and dropout's: to give them one, or to see them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from rtl_core.randomness import Stream

DATA_LOADER = "torch.utils.data.dataloader"
"""It draws a seed for its workers whether or not anything is random."""


@contextmanager
def drawn_from(stream: Stream) -> Iterator[None]:
    """Let what this thread draws without a generator come from a stream, and not from the process's shared generator.

    Other threads neither disturb it nor are disturbed. NumPy's and Python's own random numbers are not reached.
    """
    with _DrawnFrom(stream):
        yield


@contextmanager
def implicit_draws() -> Iterator[list[str]]:
    """The names of the operators by which this thread draws from the process's shared generator, as they come."""
    seen: list[str] = []
    with _Seen(seen):
        yield seen


class _DrawnFrom(TorchDispatchMode):
    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self._stream = stream
        self._generators: dict[torch.device, torch.Generator] = {}

    def __torch_dispatch__(
        self, operator: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if not _is_implicit(operator, args, given) or (drawing := _with_generator(operator)) is None:
            return operator(*args, **given)
        return drawing(*args, **{**given, "generator": self._generator(_device(args, given))})

    def _generator(self, device: torch.device) -> torch.Generator:
        if device not in self._generators:
            seed = self._stream.generator().initial_seed()
            self._generators[device] = torch.Generator(device).manual_seed(seed)
        return self._generators[device]


class _Seen(TorchDispatchMode):
    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self._seen = seen

    def __torch_dispatch__(
        self, operator: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if _is_implicit(operator, args, kwargs or {}) and not _comes_from(DATA_LOADER):
            self._seen.append(operator._schema.name.removeprefix("aten::"))
        return operator(*args, **(kwargs or {}))


def _is_implicit(operator: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether an operator draws at random and is given no generator."""
    if torch.Tag.nondeterministic_seeded not in operator.tags:
        return False
    return not any(isinstance(value, torch.Generator) for value in (*args, *kwargs.values()))


def _with_generator(operator: OpOverload) -> OpOverload | None:
    """The same operator where it takes a generator; None where there is no such."""
    given = {argument.name for argument in operator._schema.arguments}
    packet = operator.overloadpacket
    overloads: list[OpOverload] = [operator, *(getattr(packet, name) for name in packet.overloads())]
    wanted = given | {"generator"}
    return next((one for one in overloads if {argument.name for argument in one._schema.arguments} == wanted), None)


def _device(args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.device:
    tensor = next((value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)), None)
    return tensor.device if tensor is not None else torch.device(kwargs.get("device") or "cpu")


def _comes_from(module: str) -> bool:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_globals.get("__name__") == module:
            return True
        frame = frame.f_back
    return False
