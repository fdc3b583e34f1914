"""Ticket files as somebody else may write them: any header and any tensors, under a digest that is right."""

import hashlib
import json
import zlib
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor


def file_of(header: bytes, body: bytes) -> bytes:
    """A safetensors file of a header and what comes after it."""
    return len(header).to_bytes(8, "little") + header + body


def parts_of(data: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The JSON of a sound ticket file, and its tensors."""
    length = int.from_bytes(data[:8], "little")
    return json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["rtl"]), load(data)


def signed(header: Any, tensors: dict[str, Tensor]) -> bytes:
    """A ticket file of this JSON and these tensors, signed by what the format says where that can be done."""
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    if isinstance(header, dict):
        header = {**header, "sha256": _digest(header, tensors)}
    return save(tensors, {"rtl": _canonical(header)})


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _digest(header: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(_canonical({key: value for key, value in header.items() if key != "sha256"}).encode())
    for name in sorted(tensors):
        try:
            array = tensors[name].numpy()
        except TypeError:  # a type that NumPy has not
            continue
        digest.update(_canonical([name, array.dtype.name, list(array.shape)]).encode() + b"\0" + array.tobytes())
    return digest.hexdigest()


def packed(data: bytes) -> Tensor:
    """Bytes as a ticket file holds masks or weights."""
    return torch.tensor(list(zlib.compress(data)), dtype=torch.uint8)


def packed_floats(values: Tensor) -> Tensor:
    """Weights, float32, as a ticket file holds them."""
    return packed(values.numpy().view(np.uint8).reshape(-1, 4).T.tobytes())
