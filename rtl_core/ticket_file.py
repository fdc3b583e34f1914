"""How masks and tickets are kept on disk: safetensors, one digest over everything, and what tickets are for.

A file is a safetensors file whose only metadata key, ``rtl``, is canonical JSON (sorted keys, no spaces,
ASCII) with

- ``format``: ``rtl-masks/1`` or ``rtl-tickets/2``;
- ``subsets``: the K names; ``prunable``: ``[name, shape]`` of each prunable tensor, in vector order;
- ``like``: K numbers, of the mask from which each mask is told, or its own (tickets only);
- ``about``: what the tickets are for (``rtl_core.description.about``); tickets of a step in between have none;
- ``sha256``: hex digest of that JSON without this key, then, for each tensor by name: the JSON
  ``[name, dtype, shape]`` with the dtype as NumPy spells it, a zero byte, its little-endian bytes.

Tensors of a masks file: ``masks``, uint8 [K, ceil(d / 8)]; bit i of byte j (least significant first) is weight 8 j + i;
the spare bits of the last byte are zero. Tensors of a ticket file:

- ``masks``: uint8, zlib's stream of the bits of the union of the masks, ceil(d / 8) bytes, and for each mask of those
  over the u weights of the union, ceil(u / 8) bytes: its own or, by ``like``, exclusive-or an earlier mask's;
- ``weights``: uint8, zlib's stream of θ at the weights of the union, float32 in vector order: u lowest bytes, then u
  bytes of each next place;
- ``dense.NAME``: a parameter that no mask covers; ``buffer.NAME``: a buffer that all tickets have alike;
  ``statistics.NAME``: the K tickets' buffer NAME, [K, …], where they do not.

No other tensor is in a file. A file may come from anyone: its digest proves that it is whole, not that it is sound, so
everything else in it is checked too, and what it makes a reader allocate is bounded by its size and by the constants
below.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors.torch import load, save
from torch import Tensor

from rtl_core.description.about import About
from rtl_core.errors import TicketFileError
from rtl_core.masks import Masks
from rtl_core.packing import packed_bits, packed_masks, packed_weights, unpacked_bits, unpacked_masks, unpacked_weights
from rtl_core.tickets import Tickets
from rtl_core.weights import Layout

MASKS, TICKETS = "rtl-masks/1", "rtl-tickets/2"
MOST_HEADER, MOST_JSON = 1 << 25, 1 << 20
"""Bytes of a safetensors header, and of the JSON in it that is this format's own."""
MOST_BUFFERS = 1 << 22
"""Of all tickets together."""
MOST_MASKED, MASKED_A_BYTE = 1 << 26, 1 << 10
"""Values of all masks together: so many in any file, and more where it has a byte for each so many."""

Shape = Annotated[list[Annotated[int, Field(ge=1, le=1 << 40)]], Field(max_length=8)]


class _Header(BaseModel):
    """The JSON under the metadata key ``rtl``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    format: str
    subsets: list[str] = Field(min_length=1)
    prunable: list[tuple[str, Shape]] = Field(min_length=1)
    like: list[int] | None = None
    about: About | None = None
    sha256: str


class _Safetensors(BaseModel):
    """The part of a safetensors header that safetensors does not hand out when it reads from memory."""

    metadata: dict[str, str] = Field(alias="__metadata__")


def masks_to_bytes(subsets: Sequence[str], masks: Masks) -> bytes:
    """A masks file, byte for byte the same for the same masks."""
    return _write(MASKS, subsets, masks.layout, {"masks": torch.from_numpy(packed_bits(masks.values.numpy()))})


def masks_from_bytes(data: bytes, name: str) -> tuple[tuple[str, ...], Masks]:
    """Read a masks file: subset names and masks.

    Raises:
        TicketFileError: the file (called ``name`` in the message) is truncated, altered, unsound or another kind.
    """
    header, layout, tensors = _read(data, name, MASKS)
    packed = _taken(tensors, "masks", (len(header.subsets), -(-layout.size // 8)), name)
    for key in tensors:
        raise TicketFileError(f"{name}: holds the tensor {key[:80]!r}; allowed: masks")
    try:
        bits = unpacked_bits(packed.numpy(), layout.size)
    except ValueError as problem:
        raise TicketFileError(f"{name}: masks: {problem}") from None
    return tuple(header.subsets), Masks(layout, torch.from_numpy(bits))


def tickets_to_bytes(tickets: Tickets) -> bytes:
    """A ticket file, byte for byte the same for the same tickets."""
    like, masks = packed_masks(tickets.masks.values)
    tensors = {"masks": masks, "weights": packed_weights(tickets.weights[tickets.masks.union()])}
    tensors |= {f"dense.{name}": value for name, value in tickets.dense.items()}
    first, *others = tickets.statistics
    for name, value in first.items():
        if all(torch.equal(value, other[name]) for other in others):
            tensors[f"buffer.{name}"] = value
        else:
            tensors[f"statistics.{name}"] = torch.stack([own[name] for own in tickets.statistics])
    told: dict[str, Any] = {"like": like}
    if tickets.about is not None:
        told["about"] = tickets.about.model_dump(mode="json")
    return _write(TICKETS, tickets.subsets, tickets.masks.layout, tensors, told)


def tickets_from_bytes(data: bytes, name: str) -> Tickets:
    """Read a ticket file.

    Raises:
        TicketFileError: the file (called ``name`` in the message) is truncated, altered, unsound or another kind.
    """
    header, layout, tensors = _read(data, name, TICKETS)
    count = len(header.subsets)
    if len(header.like or ()) != count:
        raise TicketFileError(f"{name}: like: found {len(header.like or ())} numbers; allowed: {count}")
    if count * layout.size > max(MOST_MASKED, MASKED_A_BYTE * len(data)):
        raise TicketFileError(
            f"{name}: found {count} masks of {layout.size} weights in {len(data)} bytes; "
            f"allowed: {MOST_MASKED} values, or {MASKED_A_BYTE} for each byte"
        )
    packed = {key: _taken(tensors, key, None, name) for key in ("masks", "weights")}
    try:
        masks = Masks(layout, unpacked_masks(packed["masks"], header.like or (), layout.size))
    except ValueError as problem:
        raise TicketFileError(f"{name}: masks: {problem}") from None
    union = masks.union()
    weights = torch.zeros(layout.size)
    try:
        weights[union] = unpacked_weights(packed["weights"], int(union.sum()))
    except ValueError as problem:
        raise TicketFileError(f"{name}: weights: {problem}") from None
    dense, statistics = _named(tensors, count, name)
    if header.about is not None and count > 1 and list(header.about.contexts) != header.subsets:
        raise TicketFileError(f"{name}: about: contexts: found others than its subsets; allowed: these, in their order")
    return Tickets(tuple(header.subsets), masks, weights, dense, statistics, header.about)


def without_about(data: bytes, name: str) -> bytes:
    """The same ticket file as training left it: its tickets alone.

    Raises:
        TicketFileError: the file is truncated, altered or another kind.
    """
    return tickets_to_bytes(replace(tickets_from_bytes(data, name), about=None))


def _named(
    tensors: dict[str, Tensor], num_subsets: int, name: str
) -> tuple[dict[str, Tensor], tuple[dict[str, Tensor], ...]]:
    """The dense parameters, and the buffers of each ticket."""
    dense: dict[str, Tensor] = {}
    alike: dict[str, Tensor] = {}
    own: dict[str, Tensor] = {}
    for key, value in tensors.items():
        kind, _, rest = key.partition(".")
        parts = {"dense": dense, "buffer": alike, "statistics": own}.get(kind)
        if parts is None:
            raise TicketFileError(f"{name}: holds the tensor {key[:80]!r}; allowed: dense, buffer and statistics")
        if parts is own and (not value.ndim or len(value) != num_subsets):
            raise TicketFileError(
                f"{name}: {key[:80]}: found {list(value.shape)}; allowed: [{num_subsets}, …], one a ticket"
            )
        parts[rest] = value
    if alike.keys() & own.keys():
        raise TicketFileError(f"{name}: its tickets do not have the same buffers")
    if (number := num_subsets * (len(alike) + len(own))) > MOST_BUFFERS:
        raise TicketFileError(f"{name}: found {number} buffers; allowed: up to {MOST_BUFFERS}")
    return dense, tuple(alike | {key: value[k] for key, value in own.items()} for k in range(num_subsets))


def _taken(tensors: dict[str, Tensor], key: str, shape: tuple[int, ...] | None, name: str) -> Tensor:
    """Bytes of a shape, or in a row."""
    tensor = tensors.pop(key, None)
    fits = tensor is not None and (tensor.ndim == 1 if shape is None else tuple(tensor.shape) == shape)
    if tensor is None or tensor.dtype != torch.uint8 or not fits:
        described = "none" if tensor is None else f"{tensor.dtype} {list(tensor.shape)}"
        raise TicketFileError(f"{name}: {key}: found {described}; allowed: {torch.uint8} {list(shape or ['n'])}")
    return tensor


def _write(
    kind: str, subsets: Sequence[str], layout: Layout, tensors: dict[str, Tensor], told: dict[str, Any] | None = None
) -> bytes:
    prunable = [[name, list(shape)] for name, shape in zip(layout.names, layout.shapes, strict=True)]
    header = {"format": kind, "subsets": list(subsets), "prunable": prunable} | (told or {})
    contiguous = {name: value.contiguous() for name, value in tensors.items()}
    return save(contiguous, {"rtl": _canonical(header | {"sha256": _digest(header, contiguous)})})


def _read(data: bytes, name: str, kind: str) -> tuple[_Header, Layout, dict[str, Tensor]]:
    try:
        tensors, header, digest = _parsed(data)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"]))[:80]
        raise TicketFileError(f"{name}: not a sound ticket file: header {key!r}: {first['msg'][:200]}") from None
    except Exception as problem:  # whatever safetensors, torch and NumPy make of bytes that are not theirs
        raise TicketFileError(f"{name}: not a complete ticket file, but cut, damaged or of another kind") from problem
    if header.sha256 != digest:
        raise TicketFileError(f"{name}: the content does not match its digest; the file was altered or damaged")
    if header.format != kind:
        raise TicketFileError(f"{name}: found format {header.format[:40]!r}, expected {kind!r}")
    if kind == MASKS and (header.like is not None or header.about is not None):
        raise TicketFileError(f"{name}: found what tickets have; allowed: format, subsets, prunable and sha256")
    names, shapes = zip(*header.prunable, strict=True)
    for what, given in (("subset", header.subsets), ("prunable tensor", names)):
        if len(set(given)) < len(given):
            raise TicketFileError(f"{name}: names a {what} twice")
    return header, Layout(names, tuple(map(tuple, shapes))), tensors


def _parsed(data: bytes) -> tuple[dict[str, Tensor], _Header, str]:
    """The tensors of a safetensors file, its header and the digest of both.

    No JSON text is read into Python objects before it is known to have the right form, which is where short texts take
    up the most memory.
    """
    length = int.from_bytes(data[:8], "little")
    if length > MOST_HEADER:
        raise ValueError("header too long")
    tensors = load(data)
    described = _Safetensors.model_validate_json(data[8 : 8 + length]).metadata["rtl"]
    if len(described) > MOST_JSON:
        raise ValueError("description too long")
    header = _Header.model_validate_json(described)
    told = json.loads(described)
    del told["sha256"]
    return tensors, header, _digest(told, tensors)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _digest(header: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(_canonical(header).encode())
    for name in sorted(tensors):
        array = tensors[name].numpy()
        digest.update(_canonical([name, array.dtype.name, list(array.shape)]).encode() + b"\0" + array.tobytes())
    return digest.hexdigest()
