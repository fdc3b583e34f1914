"""How masks and tickets are kept on disk: safetensors, masks bit-packed, one digest over everything.

A file is a safetensors file whose only metadata key, ``rtl``, is canonical JSON (sorted keys, no spaces,
ASCII) with

- ``format``: ``rtl-masks/1`` or ``rtl-tickets/1``;
- ``subsets``: the K names; ``prunable``: ``[name, shape]`` of each prunable tensor, in vector order;
- ``sha256``: hex digest of that JSON without this key, then, for each tensor by name: the JSON
  ``[name, dtype, shape]`` with the dtype as NumPy spells it, a zero byte, its little-endian bytes.

Tensors:

- ``masks``: uint8 [K, ceil(d / 8)]; bit i of byte j (least significant first) is weight 8 j + i; the spare
  bits of the last byte are zero;
- ``weights``: float32 [u], θ at the u weights of the union of the masks, in vector order (tickets only);
- ``dense.NAME``: a parameter that no mask covers; ``buffer.NAME``: a buffer that all tickets have alike;
  ``statistics.K.NAME``: buffer NAME of ticket K, where they do not (tickets only).

No other tensor is in a file. A file may come from anyone: its digest proves that it is whole, not that it is sound, so
everything else in it is checked too, and what it makes a reader allocate is bounded by its size and by the constants
below.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors.torch import load, save
from torch import Tensor

from rtl_core.errors import TicketFileError
from rtl_core.masks import Masks
from rtl_core.tickets import Tickets
from rtl_core.weights import Layout

MASKS, TICKETS = "rtl-masks/1", "rtl-tickets/1"
MOST_HEADER, MOST_JSON = 1 << 25, 1 << 20
"""Bytes of a safetensors header, and of the JSON in it that is this format's own."""
MOST_BUFFERS = 1 << 22
"""Of all tickets together."""

Shape = Annotated[list[Annotated[int, Field(ge=1, le=1 << 40)]], Field(max_length=8)]


class _Header(BaseModel):
    """The JSON under the metadata key ``rtl``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    format: str
    subsets: list[str] = Field(min_length=1)
    prunable: list[tuple[str, Shape]] = Field(min_length=1)
    sha256: str


class _Safetensors(BaseModel):
    """The part of a safetensors header that safetensors does not hand out when it reads from memory."""

    metadata: dict[str, str] = Field(alias="__metadata__")


def masks_to_bytes(subsets: Sequence[str], masks: Masks) -> bytes:
    """A masks file, byte for byte the same for the same masks."""
    return _write(MASKS, subsets, masks.layout, {"masks": _pack(masks.values)})


def masks_from_bytes(data: bytes, name: str) -> tuple[tuple[str, ...], Masks]:
    """Read a masks file: subset names and masks.

    Raises:
        TicketFileError: the file (called ``name`` in the message) is truncated, altered, unsound or another kind.
    """
    subsets, layout, tensors = _read(data, name, MASKS)
    masks = _unpack(tensors, layout, len(subsets), name)
    for key in tensors:
        raise TicketFileError(f"{name}: holds the tensor {key[:80]!r}; allowed: masks")
    return subsets, masks


def tickets_to_bytes(tickets: Tickets) -> bytes:
    """A ticket file, byte for byte the same for the same tickets."""
    tensors = {"masks": _pack(tickets.masks.values), "weights": tickets.weights[tickets.masks.union()]}
    tensors |= {f"dense.{name}": value for name, value in tickets.dense.items()}
    first, *others = tickets.statistics
    alike = [name for name, value in first.items() if all(torch.equal(value, other[name]) for other in others)]
    tensors |= {f"buffer.{name}": first[name] for name in alike}
    for k, buffers in enumerate(tickets.statistics):
        tensors |= {f"statistics.{k}.{name}": value for name, value in buffers.items() if name not in alike}
    return _write(TICKETS, tickets.subsets, tickets.masks.layout, tensors)


def tickets_from_bytes(data: bytes, name: str) -> Tickets:
    """Read a ticket file.

    Raises:
        TicketFileError: the file (called ``name`` in the message) is truncated, altered, unsound or another kind.
    """
    subsets, layout, tensors = _read(data, name, TICKETS)
    masks = _unpack(tensors, layout, len(subsets), name)
    union = masks.union()
    kept = _taken(tensors, "weights", torch.float32, (int(union.sum()),), name)
    weights = torch.zeros(layout.size)
    weights[union] = kept
    dense, statistics = _named(tensors, len(subsets), name)
    return Tickets(subsets, masks, weights, dense, statistics)


def _named(
    tensors: dict[str, Tensor], num_subsets: int, name: str
) -> tuple[dict[str, Tensor], tuple[dict[str, Tensor], ...]]:
    """The dense parameters, and the buffers of each ticket."""
    dense: dict[str, Tensor] = {}
    alike: dict[str, Tensor] = {}
    own: dict[str, dict[str, Tensor]] = {str(k): {} for k in range(num_subsets)}
    for key, value in tensors.items():
        kind, _, rest = key.partition(".")
        subset, _, buffer = rest.partition(".")
        if kind == "dense":
            dense[rest] = value
        elif kind == "buffer":
            alike[rest] = value
        elif kind == "statistics" and subset in own:
            own[subset][buffer] = value
        else:
            raise TicketFileError(f"{name}: holds the tensor {key[:80]!r}, which is none of its {num_subsets} tickets'")
    first, *others = ({buffer: (one.dtype, one.shape) for buffer, one in each.items()} for each in own.values())
    if alike.keys() & first or any(other != first for other in others):
        raise TicketFileError(f"{name}: its tickets do not have the same buffers")
    if num_subsets * len(alike) > MOST_BUFFERS:
        raise TicketFileError(f"{name}: found {num_subsets * len(alike)} buffers; allowed: up to {MOST_BUFFERS}")
    return dense, tuple(alike | each for each in own.values())


def _pack(values: Tensor) -> Tensor:
    return torch.from_numpy(np.packbits(values.numpy(), axis=1, bitorder="little"))


def _unpack(tensors: dict[str, Tensor], layout: Layout, num_subsets: int, name: str) -> Masks:
    """Take the masks out of a file's tensors; their size is compared with the header's before anything is allocated."""
    packed = _taken(tensors, "masks", torch.uint8, (num_subsets, -(-layout.size // 8)), name)
    if layout.size % 8 and (packed[:, -1] >> layout.size % 8).any():
        raise TicketFileError(f"{name}: masks: found a spare bit that is set; allowed: zeros behind the last weight")
    bits = np.unpackbits(packed.numpy(), axis=1, count=layout.size, bitorder="little")
    return Masks(layout, torch.from_numpy(bits.view(bool)))


def _taken(tensors: dict[str, Tensor], key: str, dtype: torch.dtype, shape: tuple[int, ...], name: str) -> Tensor:
    tensor = tensors.pop(key, None)
    if tensor is None or tensor.dtype != dtype or tuple(tensor.shape) != shape:
        described = "none" if tensor is None else f"{tensor.dtype} {list(tensor.shape)}"
        raise TicketFileError(f"{name}: {key}: found {described}; allowed: {dtype} {list(shape)}")
    return tensor


def _write(kind: str, subsets: Sequence[str], layout: Layout, tensors: dict[str, Tensor]) -> bytes:
    prunable = [[name, list(shape)] for name, shape in zip(layout.names, layout.shapes, strict=True)]
    header = {"format": kind, "subsets": list(subsets), "prunable": prunable}
    contiguous = {name: value.contiguous() for name, value in tensors.items()}
    return save(contiguous, {"rtl": _canonical(header | {"sha256": _digest(header, contiguous)})})


def _read(data: bytes, name: str, kind: str) -> tuple[tuple[str, ...], Layout, dict[str, Tensor]]:
    try:
        tensors, header = _parsed(data)
        digest = _digest(header.model_dump(exclude={"sha256"}), tensors)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"]))[:80]
        raise TicketFileError(f"{name}: not a sound ticket file: header {key!r}: {first['msg'][:200]}") from None
    except Exception as problem:  # whatever safetensors, torch and NumPy make of bytes that are not theirs
        raise TicketFileError(f"{name}: not a complete ticket file ({type(problem).__name__})") from problem
    if header.sha256 != digest:
        raise TicketFileError(f"{name}: the content does not match its digest; the file was altered or damaged")
    if header.format != kind:
        raise TicketFileError(f"{name}: found format {header.format[:40]!r}, expected {kind!r}")
    names, shapes = zip(*header.prunable, strict=True)
    for what, given in (("subset", header.subsets), ("prunable tensor", names)):
        if len(set(given)) < len(given):
            raise TicketFileError(f"{name}: names a {what} twice")
    return tuple(header.subsets), Layout(names, tuple(map(tuple, shapes))), tensors


def _parsed(data: bytes) -> tuple[dict[str, Tensor], _Header]:
    """The tensors of a safetensors file, and its header.

    Neither JSON text is read into Python objects before it is known to have the right form, which is where short texts
    take up the most memory.
    """
    length = int.from_bytes(data[:8], "little")
    if length > MOST_HEADER:
        raise ValueError("header too long")
    tensors = load(data)
    described = _Safetensors.model_validate_json(data[8 : 8 + length]).metadata["rtl"]
    if len(described) > MOST_JSON:
        raise ValueError("description too long")
    return tensors, _Header.model_validate_json(described)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _digest(header: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(_canonical(header).encode())
    for name in sorted(tensors):
        array = tensors[name].numpy()
        digest.update(_canonical([name, array.dtype.name, list(array.shape)]).encode() + b"\0" + array.tobytes())
    return digest.hexdigest()
