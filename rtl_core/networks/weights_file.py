"""The tensors in a file of a network's weights, whoever wrote it: no code in it is run."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from rtl_core.errors import DataError, TicketFileError
from rtl_core.ticket_file import tickets_from_bytes

ENDINGS = (".safetensors", ".pt", ".pth")
DTYPES = {
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
}
WRAPPINGS = ("state_dict", "model_state_dict", "model", "module", "network")
"""Under which training scripts keep a network's weights, beside an optimizer's state and the like."""
MOST_WRAPPINGS = 4
ALLOWED = "allowed: a network's weights by name, as torch.save(network.state_dict(), …) or safetensors write them"


def read_weights(path: Path) -> Mapping[str, Tensor]:
    """Tensors by name, of safetensors, of ``torch.save``, or of a file of one ticket.

    Raises:
        DataError: the file is missing, damaged, of another kind, or holds more than tensors or a value that is not
            finite.
    """
    if path.suffix not in ENDINGS:
        raise DataError(f"{path}: found the ending {path.suffix!r}; allowed: {', '.join(ENDINGS)}")
    if not path.is_file():
        raise DataError(f"{path}: not found; allowed: a file of weights ({', '.join(ENDINGS)})")
    try:
        tensors = _of_safetensors(path) if path.suffix == ".safetensors" else _of_torch(path)
    except TicketFileError as problem:
        raise DataError(str(problem)) from None
    except DataError:
        raise
    except Exception as problem:  # whatever torch and safetensors make of bytes that are not theirs
        reason = f"{type(problem).__name__}: {' '.join(str(problem).split())[:160]}"
        raise DataError(f"{path}: not readable ({reason}); {ALLOWED}") from problem
    for name, value in tensors.items():
        _check(path, name, value)
    return tensors


def _of_safetensors(path: Path) -> Mapping[str, Tensor]:
    with safe_open(path, "pt") as file:
        if "rtl" not in (file.metadata() or {}):
            return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    tickets = tickets_from_bytes(path.read_bytes(), str(path))
    if len(tickets.subsets) > 1:
        raise DataError(
            f"{path}: holds {len(tickets.subsets)} tickets; allowed: weights of one network, as of IMP single"
        )
    return tickets.masks.layout.split(tickets.weights) | tickets.dense | tickets.statistics[0]


def _of_torch(path: Path) -> Mapping[str, Tensor]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise DataError(f"{path}: found compressed parts, which torch.save does not write; {ALLOWED}")
    held: Any = torch.load(path, map_location="cpu", weights_only=True)
    for _ in range(MOST_WRAPPINGS):
        held = next((value for key in WRAPPINGS if isinstance(value := _at(held, key), Mapping)), held)
    if not isinstance(held, Mapping) or not held:
        raise DataError(f"{path}: holds {type(held).__name__}, or nothing; {ALLOWED}")
    for name, value in held.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise DataError(f"{path}: {str(name)[:80]!r} is {type(value).__name__}; {ALLOWED}")
    return {name: value.detach() for name, value in held.items()}


def _at(held: Any, key: str) -> Any:
    return held.get(key) if isinstance(held, Mapping) else None


def _check(path: Path, name: str, value: Tensor) -> None:
    if value.layout is not torch.strided or value.is_quantized or value.dtype not in DTYPES:
        raise DataError(f"{path}: {name[:80]!r} is sparse, quantised or {value.dtype}; allowed: plain numbers")
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise DataError(f"{path}: {name[:80]!r} has more values than are in the file; allowed: as many")
    if value.dtype.is_floating_point and not bool(torch.isfinite(value).all()):
        raise DataError(f"{path}: {name[:80]!r} holds a value that is not finite; allowed: finite numbers")
