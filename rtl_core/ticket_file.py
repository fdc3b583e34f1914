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
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from rtl_core.errors import TicketFileError
from rtl_core.masks import Masks
from rtl_core.tickets import Tickets
from rtl_core.weights import Layout

MASKS, TICKETS = "rtl-masks/1", "rtl-tickets/1"


def masks_to_bytes(subsets: Sequence[str], masks: Masks) -> bytes:
    """A masks file, byte for byte the same for the same masks."""
    return _write(MASKS, subsets, masks.layout, {"masks": _pack(masks.values)})


def masks_from_bytes(data: bytes, name: str) -> tuple[tuple[str, ...], Masks]:
    """Read a masks file: subset names and masks.

    Raises:
        TicketFileError: the file (called ``name`` in the message) is truncated, altered or another kind.
    """
    subsets, layout, tensors = _read(data, name, MASKS)
    return subsets, _unpack(tensors["masks"], layout, len(subsets), name)


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
        TicketFileError: the file (called ``name`` in the message) is truncated, altered or another kind.
    """
    subsets, layout, tensors = _read(data, name, TICKETS)
    masks = _unpack(tensors.pop("masks"), layout, len(subsets), name)
    weights = torch.zeros(layout.size)
    union = masks.union()
    if tensors["weights"].shape != (int(union.sum()),):
        raise TicketFileError(f"{name}: weights and masks do not fit together")
    weights[union] = tensors.pop("weights")
    dense = {key.removeprefix("dense."): value for key, value in tensors.items() if key.startswith("dense.")}
    alike = {key.removeprefix("buffer."): value for key, value in tensors.items() if key.startswith("buffer.")}
    statistics = tuple(dict(alike) for _ in subsets)
    for key, value in tensors.items():
        if key.startswith("statistics."):
            _, subset, buffer = key.split(".", 2)
            statistics[int(subset)][buffer] = value
    return Tickets(subsets, masks, weights, dense, statistics)


def _pack(values: Tensor) -> Tensor:
    return torch.from_numpy(np.packbits(values.numpy(), axis=1, bitorder="little"))


def _unpack(packed: Tensor, layout: Layout, num_subsets: int, name: str) -> Masks:
    if packed.shape != (num_subsets, -(-layout.size // 8)):
        raise TicketFileError(f"{name}: masks have shape {list(packed.shape)} for {num_subsets} subsets")
    bits = np.unpackbits(packed.numpy(), axis=1, count=layout.size, bitorder="little")
    return Masks(layout, torch.from_numpy(bits.astype(bool)))


def _write(kind: str, subsets: Sequence[str], layout: Layout, tensors: dict[str, Tensor]) -> bytes:
    prunable = [[name, list(shape)] for name, shape in zip(layout.names, layout.shapes, strict=True)]
    header = {"format": kind, "subsets": list(subsets), "prunable": prunable}
    contiguous = {name: value.contiguous() for name, value in tensors.items()}
    return save(contiguous, {"rtl": _canonical(header | {"sha256": _digest(header, contiguous)})})


def _read(data: bytes, name: str, kind: str) -> tuple[tuple[str, ...], Layout, dict[str, Tensor]]:
    try:
        length = int.from_bytes(data[:8], "little")
        header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["rtl"])
        claimed = header.pop("sha256")
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as problem:
        raise TicketFileError(f"{name}: not a complete ticket file ({type(problem).__name__})") from problem
    if claimed != _digest(header, tensors):
        raise TicketFileError(f"{name}: the content does not match its digest; the file was altered or damaged")
    if header["format"] != kind:
        raise TicketFileError(f"{name}: found format {header['format']!r}, expected {kind!r}")
    names, shapes = zip(*header["prunable"], strict=True)
    return tuple(header["subsets"]), Layout(names, tuple(map(tuple, shapes))), tensors


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _digest(header: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(_canonical(header).encode())
    for name in sorted(tensors):
        array = tensors[name].numpy()
        digest.update(_canonical([name, array.dtype.name, list(array.shape)]).encode() + b"\0" + array.tobytes())
    return digest.hexdigest()
