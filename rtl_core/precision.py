"""In which precision the products of a training are computed: float32, TF32 or bfloat16."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Condition, local
from typing import Literal

import torch

from rtl_core.errors import SettingsError

Precision = Literal["float32", "tf32", "bfloat16"]


def check_precision(precision: Precision, device: torch.device) -> None:
    """Check that a device has products of some precision.

    Raises:
        SettingsError: TF32 is asked of a CPU, which would compute in float32 without a word.
    """
    if precision == "tf32" and device.type != "cuda":
        raise SettingsError(
            f"training.precision: found 'tf32' on a device of type {device.type}; allowed there: float32, bfloat16"
        )


def products_in(precision: Precision, device: torch.device) -> AbstractContextManager[None]:
    """Let what is launched in a block, its backward pass included, compute float32 products in full, or as TF32.

    On CUDA a thread waits until no other is in a block of the other kind. A block may stand in one of its own kind.
    """
    return nullcontext() if device.type != "cuda" else _switch.at(precision == "tf32")


def half_precision(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Let a forward pass in a block compute its products in bfloat16, if that is the precision."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


class _Switch:
    """torch's switch for TF32, which is one for all threads of a process: who wants it turned waits for the others."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._inside, self._waiting = {True: 0, False: 0}, {True: 0, False: 0}
        self._here = local()

    @contextmanager
    def at(self, tf32: bool) -> Iterator[None]:
        """Let a block run with TF32 on or off.

        Raises:
            RuntimeError: it stands in one of the other kind, for whose end it would wait.
        """
        if (outer := getattr(self._here, "kind", None)) is not None:
            if outer != tf32:
                raise RuntimeError("products_in: found a block of another kind around this one; allowed: its own")
            yield
            return
        with self._changed:
            self._waiting[tf32] += 1
            self._changed.wait_for(lambda: self._is_open(tf32))
            self._waiting[tf32] -= 1
            self._inside[tf32] += 1
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        self._here.kind = tf32
        try:
            yield
        finally:
            self._here.kind = None
            with self._changed:
                self._inside[tf32] -= 1
                if not self._inside[tf32]:
                    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
                self._changed.notify_all()

    def _is_open(self, tf32: bool) -> bool:
        if self._inside[not tf32]:
            return False
        return not (self._inside[tf32] and self._waiting[not tf32])  # those who wait get their turn


_switch = _Switch()
