"""How masks and weights become few bytes, by what tickets share: the union of their masks, and most of each mask."""

import sys
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Bits = NDArray[np.uint8]
"""Bits in bytes, least significant first; the spare ones of a row's last byte are zero."""


def packed_bits(values: NDArray[np.bool_]) -> Bits:
    """Each row of bool [..., n] as bits, uint8 [..., ceil(n / 8)]."""
    return np.packbits(values, axis=-1, bitorder="little")


def unpacked_bits(packed: Bits, count: int) -> NDArray[np.bool_]:
    """The inverse of ``packed_bits``.

    Raises:
        ValueError: a spare bit is set.
    """
    if count % 8 and (packed[..., -1] >> count % 8).any():
        raise ValueError("found a spare bit that is set; allowed: zeros behind the last weight")
    return np.unpackbits(packed, axis=-1, count=count, bitorder="little").view(np.bool_)


def packed_masks(masks: Tensor) -> tuple[list[int], Tensor]:
    """Masks, bool [K, d], as the ticket file has them.

    Returns:
        For each mask the number of the one, before it, from which it differs in fewest weights, or its own where it is
        no nearer to any than to the empty mask; and uint8 [n], the bits of the union, then those of each mask over the
        union, exclusive-or that one's, compressed.
    """
    union = masks.any(dim=0)
    rows = packed_bits(masks[:, union].numpy())
    like = [_nearest(rows, k) for k in range(len(rows))]
    differences = [row if like[k] == k else row ^ rows[like[k]] for k, row in enumerate(rows)]
    return like, _compressed(b"".join(row.tobytes() for row in (packed_bits(union.numpy()), *differences)))


def unpacked_masks(packed: Tensor, like: Sequence[int], size: int) -> Tensor:
    """The inverse of ``packed_masks``, bool [K, d] for ``size`` d; it takes up O(K d) bytes, whatever is packed.

    Raises:
        ValueError: they are not so many masks of so many weights.
    """
    if any(not 0 <= other <= k for k, other in enumerate(like)):
        raise ValueError("found a mask that is told by a later one; allowed: by its own number or an earlier one")
    of_union, count = -(-size // 8), len(like)
    data = _decompressed(packed, (1 + count) * of_union)
    union = unpacked_bits(np.frombuffer(_exactly(data[:of_union], of_union), np.uint8), size)
    kept = int(union.sum())
    of_mask = -(-kept // 8)
    body = _exactly(data[of_union:], count * of_mask)
    rows = np.frombuffer(body, np.uint8).reshape(count, of_mask).copy()
    for k, other in enumerate(like):
        if other != k:
            rows[k] ^= rows[other]
    masks = np.zeros((count, size), np.bool_)
    masks[:, union] = unpacked_bits(rows, kept)
    if not np.array_equal(masks.any(0), union):
        raise ValueError("found a union that is not that of the masks; allowed: the weights of at least one ticket")
    return torch.from_numpy(masks)


def packed_weights(weights: Tensor) -> Tensor:
    """Weights, float32 [u], as the ticket file has them, uint8 [n]: their first bytes, their second bytes and so on,
    compressed; of exponents, most are alike.
    """
    values = weights.contiguous().numpy().astype("<f4", copy=False)
    return _compressed(values.view(np.uint8).reshape(-1, 4).T.tobytes())


def unpacked_weights(packed: Tensor, count: int) -> Tensor:
    """The inverse of ``packed_weights``.

    Raises:
        ValueError: they are not so many weights.
    """
    data = _exactly(_decompressed(packed, 4 * count), 4 * count)
    values = np.frombuffer(data, np.uint8).reshape(4, count).T.copy()
    if sys.byteorder == "big":
        values = values[:, ::-1].copy()
    return torch.from_numpy(values.reshape(-1).view(np.float32))


def _nearest(rows: Bits, k: int) -> int:
    """Which row, up to ``k``, tells row ``k`` in fewest ones; of equally near ones the first, its own before others."""
    ones = [int(np.bitwise_count(rows[k]).sum())]
    ones += [int(np.bitwise_count(rows[k] ^ other).sum()) for other in rows[:k]]
    best = int(np.argmin(ones))
    return best - 1 if best else k


def _compressed(data: bytes) -> Tensor:
    """Bits of masks and bytes of weights repeat in runs, if at all; zlib searches for nothing longer."""
    compressor = zlib.compressobj(level=9, strategy=zlib.Z_RLE)
    return torch.frombuffer(bytearray(compressor.compress(data) + compressor.flush()), dtype=torch.uint8)


def _decompressed(packed: Tensor, most: int) -> bytes:
    """What was compressed; no more of it is unpacked than it takes to see that it is longer than ``most``."""
    decompressor = zlib.decompressobj()
    try:
        data = decompressor.decompress(packed.numpy().tobytes(), most + 1)
    except zlib.error as problem:
        raise ValueError(f"not compressed as it should be ({problem})") from None
    if not decompressor.eof or decompressor.unused_data:
        raise ValueError(f"found more than {most} bytes when unpacked, or an end that is cut off; allowed: up to these")
    return data


def _exactly(data: bytes, count: int) -> bytes:
    if len(data) != count:
        raise ValueError(f"found {len(data)} bytes when unpacked; allowed: {count}")
    return data
