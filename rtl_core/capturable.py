"""What a CUDA graph cannot hold: work that waits for the device, or moves data between it and the host."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_COPIES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)


class CannotBeCapturedError(Exception):
    """A graph cannot hold some work; the message says what in it."""


def try_out(work: Callable[[], None]) -> None:
    """Run some work once, launched kernel by kernel, and stop at what a CUDA graph could not hold.

    A capture that fails leaves torch's allocator in a state that it was not made for, so what can be seen is seen here.

    Raises:
        CannotBeCapturedError: there is such a thing.
    """
    with _StopsAtWaits():
        work()


class _StopsAtWaits(TorchDispatchMode):
    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if _depends_on_values(func, args):
            raise CannotBeCapturedError(f"{func.name()} waits for values that the device computes")
        result = func(*args, **(kwargs or {}))
        devices = {leaf.device.type for leaf in tree_leaves((args, result)) if isinstance(leaf, Tensor)}
        if func in _COPIES and len(devices) > 1:
            raise CannotBeCapturedError(f"{func.name()} copies between {' and '.join(sorted(devices))}")
        return result


def _depends_on_values(func: Any, args: tuple[Any, ...]) -> bool:
    if func is torch.ops.aten.index.Tensor:  # of numbers its result has a known shape; of truth values it has not
        return any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1])
    return torch.Tag.data_dependent_output in func.tags or torch.Tag.dynamic_output_shape in func.tags
