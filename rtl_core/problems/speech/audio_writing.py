"""How a signal that comes in blocks becomes an audio file."""

from collections.abc import Iterable
from pathlib import Path

from soundfile import LibsndfileError, SoundFile
from torch import Tensor

from rtl_core.errors import DataError
from rtl_core.problems.speech.audio_file import AudioFacts, reason_of

FORMATS = ("WAV", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64")
MOST_WAV_BYTES = (1 << 32) - (1 << 16)
"""Beyond them a WAV file cannot say how long it is, and is written as RF64, the same with longer numbers."""
AT_ONCE = 1 << 16
"""Samples of each channel; of two million and more, libsndfile 1.2.2 makes no OGG file but a segmentation fault."""


def format_of(path: Path, facts: AudioFacts) -> str:
    """What libsndfile calls the format that a file's suffix stands for.

    Raises:
        DataError: it stands for none.
    """
    kind = path.suffix.removeprefix(".").upper()
    if kind not in FORMATS:
        allowed = ", ".join(f".{name.lower()}" for name in FORMATS)
        raise DataError(f"{path}: found the suffix {path.suffix!r}; allowed: {allowed}")
    return "RF64" if kind == "WAV" and 2 * facts.channels * facts.frames > MOST_WAV_BYTES else kind


def write_audio(path: Path, audio_format: str, facts: AudioFacts, blocks: Iterable[Tensor], name: str) -> None:
    """Write blocks, float32 [C, L] within ±1, one after another: 16 bits a sample, or as a lossy format has it.

    Args:
        path: where to write.
        audio_format: one that ``format_of`` gives.
        facts: rate and number of channels.
        blocks: the signal.
        name: what messages call the file.

    Raises:
        DataError: the format has no such rate or so many channels, or the disk is full.
    """
    try:
        file = SoundFile(path, "w", facts.rate, facts.channels, format=audio_format)
    except LibsndfileError as problem:
        raise DataError(
            f"{name}: cannot be written at {facts.rate} Hz with {facts.channels} channel(s) ({reason_of(problem)})"
        ) from problem
    try:
        with file:
            for block in blocks:
                for part in block.T.split(AT_ONCE):
                    file.write(part.numpy())
    except LibsndfileError as problem:
        raise DataError(f"{name}: cannot be written ({reason_of(problem)})") from problem
