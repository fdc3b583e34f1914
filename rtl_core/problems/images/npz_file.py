"""Arrays in an npz file of anybody's: what each says that it is, known before any of it is unpacked."""

from io import BytesIO
from math import prod
from typing import Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

HEADER_BYTES = 1 << 14
"""Within which NumPy takes the header of an array."""
READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class ArrayHeader(NamedTuple):
    """Shape and type of an array of plain values."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Bytes of its values."""
        return prod(self.shape) * self.dtype.itemsize


def array_header(archive: ZipFile, name: str) -> ArrayHeader:
    """The header of an array; no more of it is unpacked.

    Raises:
        ValueError: it is no array of plain values, not as long as its header says, or packed as np.savez packs none.
        Exception: whatever else NumPy, zip and zlib make of bytes that are not theirs.
    """
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):  # zipfile unpacks others without a bound on memory
        raise ValueError(f"{name} is packed by a method that np.savez does not use")
    with archive.open(member) as file:
        start = BytesIO(file.read(HEADER_BYTES))
    if (version := npy.read_magic(start)) not in READERS:
        raise ValueError(f"{name} has a header of version {version}")
    shape, _, dtype = READERS[version](start)
    if dtype.hasobject or any(length < 0 for length in shape):
        raise ValueError(f"{name} has type {dtype} and shape {shape}; no such array is read")
    header = ArrayHeader(shape, dtype)
    if start.tell() + header.size != member.file_size:
        raise ValueError(f"{name} has {member.file_size} bytes, where its header promises {start.tell() + header.size}")
    return header


def read_array(archive: ZipFile, name: str) -> NDArray[Any]:
    """An array whose header has been found sound.

    Raises:
        Exception: whatever NumPy, zip and zlib make of bytes that are not theirs.
    """
    with archive.open(f"{name}.npy") as file:
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
        file.read()  # to the end, where the archive's checksum is compared
    return array
