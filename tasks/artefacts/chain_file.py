"""How a chain between two rounds is kept in the store: safetensors, mask bit-packed as in a ticket file."""

import numpy as np
import torch
from safetensors.torch import load, save

from rtl_core.chain import Chain


def chain_to_bytes(chain: Chain) -> bytes:
    """The same bytes for the same chain."""
    packed = torch.from_numpy(np.packbits(chain.mask.numpy(), bitorder="little"))
    return save({"mask": packed} | {f"carried.{name}": value for name, value in chain.carried.items()})


def chain_from_bytes(data: bytes, size: int) -> Chain:
    """The chain over ``size`` prunable weights that ``chain_to_bytes`` wrote."""
    tensors = load(data)
    bits = np.unpackbits(tensors.pop("mask").numpy(), count=size, bitorder="little")
    carried = {name.removeprefix("carried."): value for name, value in tensors.items()}
    return Chain(torch.from_numpy(bits.astype(bool)), carried)
