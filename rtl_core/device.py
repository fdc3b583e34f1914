"""Which processor computes: a CUDA device where there is one, or the CPU."""

import re
from typing import Annotated

import torch
from pydantic import BeforeValidator, Field

from rtl_core.errors import SettingsError
from rtl_core.precision import products_in

ALLOWED = "auto, cpu, cuda, or a CUDA device by its number, such as cuda:1"


def _device_name(given: object) -> object:
    if not (isinstance(given, str) and re.fullmatch(r"auto|cpu|cuda(:(0|[1-9]\d*))?", given)):
        raise ValueError(ALLOWED)
    return given


DeviceName = Annotated[str, BeforeValidator(_device_name), Field(description=f"{ALLOWED}; auto takes CUDA if present")]


def device_of(name: str, key: str = "training.device") -> torch.device:
    """The device behind ``cpu``, ``cuda``, ``cuda:1`` and the like, or ``auto`` (CUDA where it is present).

    CUDA is told, for the whole process, to compute in full float32 and to repeat itself bit for bit.

    Raises:
        SettingsError: the name is none, or of a CUDA device that is not there; the message begins with ``key``.
    """
    try:
        _device_name(name)
    except ValueError:
        raise SettingsError(f"{key}: found {name!r}; allowed: {ALLOWED}") from None
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and not count):
        return torch.device("cpu")
    if int(name.partition(":")[2] or 0) >= count:  # torch.device keeps a byte: cuda:256 would be cuda:0
        found = f"{count} CUDA device{'s' * (count > 1)}" if count else "no CUDA device"
        here = ", ".join(["auto", "cpu", *(["cuda"] if count else []), *(f"cuda:{n}" for n in range(count))])
        raise SettingsError(f"{key}: found {name!r}, but torch finds {found}; allowed here: {here}")
    device = torch.device("cuda" if name == "auto" else name)
    with products_in("float32", device):
        torch.backends.cudnn.deterministic = True
    return device
