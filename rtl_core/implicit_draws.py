"""Random draws that name no generator, as those of most constructors: to give them one, or to see them."""

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
def drawn_from(source: Stream | torch.Generator) -> Iterator[None]:
    """Let what this thread draws without a generator come from a stream, or from a generator of the device where it is
    drawn, and not from the process's shared one.

    Other threads neither disturb it nor are disturbed. NumPy's and Python's own random numbers are not reached.
    """
    with _DrawnFrom(source):
        yield


@contextmanager
def implicit_draws() -> Iterator[list[str]]:
    """The names of the operators by which this thread draws from the process's shared generator, as they come."""
    seen: list[str] = []
    with _Seen(seen):
        yield seen


class _Mode(TorchDispatchMode):
    @classmethod
    def _should_skip_dynamo(cls) -> bool:  # it would be imported for that, which takes two seconds
        return False


class _DrawnFrom(_Mode):
    def __init__(self, source: Stream | torch.Generator) -> None:
        super().__init__()
        self._source = source
        self._generators: dict[torch.device, torch.Generator] = {}

    def __torch_dispatch__(
        self, operator: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if not _is_implicit(operator, args, given) or (drawing := _with_generator(operator)) is None:
            return operator(*args, **given)
        return drawing(*args, **{**given, "generator": self._generator(_device(args, given))})

    def _generator(self, device: torch.device) -> torch.Generator:
        if isinstance(self._source, torch.Generator):
            return self._source
        if device not in self._generators:
            self._generators[device] = self._source.generator(device)
        return self._generators[device]


class _Seen(_Mode):
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
    if torch.Tag.nondeterministic_seeded not in operator.tags or _drops_nothing(operator, args, kwargs):
        return False
    return not any(isinstance(value, torch.Generator) for value in (*args, *kwargs.values()))


def _drops_nothing(operator: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether an operator that may drop at random, such as attention, is told to drop nothing."""
    arguments = operator._schema.arguments
    given = {argument.name: argument.default_value for argument in arguments}
    given |= dict(zip(given, args, strict=False)) | kwargs
    shares = ("dropout_p", "dropout", *(["p"] if "train" in given else []))
    if any(given.get(name) is False for name in ("train", "training")):
        return True
    return any(given[name] == 0 for name in shares if name in given)


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
