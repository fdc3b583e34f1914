"""What an audio file holds, as blocks of samples at one rate: read by libsndfile, in memory that its length does not
change.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import ceil, gcd
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from soundfile import LibsndfileError, SoundFile
from torch import Tensor
from torch.nn import functional as F
from torchaudio.functional import resample

from rtl_core.errors import DataError

BLOCK_SECONDS = 10
"""How much of a signal is held at a time."""
MOST_RATE, MOST_CHANNELS, MOST_VALUES = 768_000, 64, 1 << 23
"""Of samples per second, of channels, and of both multiplied: silence is packed so well that a short file holds any
number of them."""
MOST_COEFFICIENTS = 1 << 24
"""Coefficients of a resampling filter: the two rates multiplied, each divided by their greatest common divisor."""
ZERO_CROSSINGS, ROLL_OFF = 6, 0.99
"""Width of torchaudio's default resampling filter: to each side, and as a share of the lower rate."""
UNKNOWN_BYTES = 0x7FFF_0000
"""From here on, the number of bytes that a header claims stands for one not known when it was written."""


class AudioFacts(NamedTuple):
    """Samples per second, channels, samples in each channel, and what libsndfile calls their format."""

    rate: int
    channels: int
    frames: int
    samples: str


def facts_of(path: Path) -> AudioFacts:
    """What the header of an audio file says.

    Raises:
        DataError: it is missing, not readable as audio, cut short, or without a sample.
    """
    with _opened(path, str(path)) as file:
        return AudioFacts(file.samplerate, file.channels, file.frames, file.subtype)


def read_blocks(path: Path, rate: int, name: str = "") -> Iterator[Tensor]:
    """The signal of an audio file at a rate, float32 [C, L] for each ten seconds or so, one after another.

    Side by side they are what ``torchaudio.functional.resample`` makes of the whole signal.

    Args:
        path: the file.
        rate: samples per second of the blocks.
        name: what messages call the file; its path, if none is given.

    Raises:
        DataError: the file is missing, not readable as audio to its end, cut short or without a sample; a sample is
            not a finite number; or its rate has next to no factor in common with the one wanted.
    """
    name = name or str(path)
    with _opened(path, name) as file:
        source_rate = file.samplerate
        if source_rate * rate // gcd(source_rate, rate) ** 2 > MOST_COEFFICIENTS:
            raise DataError(f"{name}: found {source_rate} samples per second, too odd a ratio to the {rate} wanted")
        yield from resampled(_blocks_of(file, name), source_rate, rate)


def reason_of(problem: Exception) -> str:
    """What libsndfile says is wrong."""
    return str(getattr(problem, "error_string", problem)).strip(" .")


def resampled(blocks: Iterable[Tensor], source_rate: int, rate: int) -> Iterator[Tensor]:
    """A signal at another rate, both as blocks, float32 [C, L].

    N samples become ceil(N · rate / source_rate).
    """
    if source_rate == rate:
        yield from blocks
        return
    old, new = (each // gcd(source_rate, rate) for each in (source_rate, rate))
    reach = ceil(ZERO_CROSSINGS * old / (ROLL_OFF * min(old, new)))
    for piece, inside in with_context(blocks, BLOCK_SECONDS * source_rate, ceil(reach / old) * old):
        # torchaudio rounds lengths that are no multiple in float32, and then may lose a sample
        converted = resample(F.pad(piece, (0, -piece.shape[1] % old)), source_rate, rate)
        yield converted[:, inside.start * new // old : ceil(inside.stop * new / old)]


def with_context(blocks: Iterable[Tensor], size: int, margin: int) -> Iterator[tuple[Tensor, slice]]:
    """Cut a signal, given as blocks [C, L], into stretches of ``size`` samples, the last of which may be shorter.

    Each comes with the ``margin`` samples before it and after it, or with as many as there are: a tensor, and where
    in it the stretch lies. The tensor ends within the margin only where the signal does.
    """
    held: Tensor | None = None
    before = 0
    for block in blocks:
        held = block if held is None else torch.cat([held, block], dim=1)
        while held.shape[1] >= before + size + margin:
            yield held[:, : before + size + margin], slice(before, before + size)
            held, before = _next_stretch(held, before + size, margin)
    while held is not None and held.shape[1] > before:
        end = min(before + size, held.shape[1])
        yield held[:, : end + margin], slice(before, end)
        held, before = _next_stretch(held, end, margin)


def _next_stretch(held: Tensor, start: int, margin: int) -> tuple[Tensor, int]:
    before = min(start, margin)
    return held[:, start - before :], before


@contextmanager
def _opened(path: Path, name: str) -> Iterator[SoundFile]:
    if not os.path.isfile(path):
        raise DataError(f"{name}: no such file")
    try:
        file = SoundFile(path)
    except (LibsndfileError, TypeError) as problem:  # TypeError: the suffix .raw
        raise DataError(f"{name}: not readable as audio ({reason_of(problem)})") from problem
    with file:
        _check_header(file, name)
        yield file


def _check_header(file: SoundFile, name: str) -> None:
    if not 0 < file.samplerate <= MOST_RATE:
        raise DataError(f"{name}: found {file.samplerate} samples per second; allowed: 1 to {MOST_RATE}")
    if not 0 < file.channels <= MOST_CHANNELS:
        raise DataError(f"{name}: found {file.channels} channels; allowed: 1 to {MOST_CHANNELS}")
    if (values := file.samplerate * file.channels) > MOST_VALUES:
        raise DataError(f"{name}: found {values} values per second in all channels; allowed: up to {MOST_VALUES}")
    # libsndfile takes a file that was cut for a whole one, and says so only in its log
    if sizes := re.search(r"^ *(?:data|SSND) : (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE):
        claimed, present = map(int, sizes.groups())
        if present < claimed < UNKNOWN_BYTES:
            raise DataError(f"{name}: cut short: found {present} of the {claimed} bytes that its header promises")
    if file.frames < 1:
        raise DataError(f"{name}: holds no samples")


def _blocks_of(file: SoundFile, name: str) -> Iterator[Tensor]:
    read = 0
    while read < file.frames:
        try:
            block = file.read(BLOCK_SECONDS * file.samplerate, dtype="float32", always_2d=True).T
        except LibsndfileError as problem:
            raise DataError(
                f"{name}: not readable after second {read // file.samplerate} ({reason_of(problem)})"
            ) from problem
        if not block.size:
            raise DataError(f"{name}: cut short: found {read} of the {file.frames} samples that its header promises")
        if not (finite := np.isfinite(block).all(axis=0)).all():
            second = (read + int(finite.argmin())) / file.samplerate
            raise DataError(f"{name}: found a sample that is not a finite number at second {second:.3f}")
        yield torch.from_numpy(np.ascontiguousarray(block))
        read += block.shape[1]
