"""How a signal that comes in blocks becomes an audio file."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from soundfile import LibsndfileError, SoundFile, available_subtypes, check_format, default_subtype
from torch import Tensor

from rtl_core.errors import DataError
from rtl_core.problems.speech.audio_file import AudioFacts, reason_of

FORMATS = ("WAV", "FLAC", "OGG", "OPUS", "MP3", "AIFF", "AU", "CAF", "W64")
BITS = {"PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64}
"""Of the samples that hold more than 16 bits, by libsndfile's name."""
KEPT_AS = {
    "PCM_24": ("PCM_24",),
    "PCM_32": ("PCM_32", "PCM_24"),
    "FLOAT": ("FLOAT", "PCM_24"),
    "DOUBLE": ("DOUBLE", "FLOAT", "PCM_24"),
}
"""What such samples are written as: the first that the file's format has."""
BEYOND_ONE = ("FLOAT", "DOUBLE")
"""Samples that may be larger than 1."""
MOST_WAV_BYTES = (1 << 32) - (1 << 16)
"""Beyond them a WAV file cannot say how long it is, and is written as RF64, the same with longer numbers."""
AT_ONCE = 1 << 16
"""Samples of each channel; of two million and more, libsndfile 1.2.2 makes no OGG file but a segmentation fault."""


class AudioFormat(NamedTuple):
    """libsndfile's names of a file's format and of that of its samples."""

    container: str
    samples: str

    @property
    def words(self) -> str:
        """The samples, as people read it."""
        words: str = available_subtypes()[self.samples]
        return words

    def holds(self, peak: float) -> bool:
        """Whether a sample may be so large."""
        return peak <= 1 or self.samples in BEYOND_ONE


def format_of(path: Path, facts: AudioFacts) -> AudioFormat:
    """The format that a file's suffix stands for, its samples like the source's, or the nearest that it has.

    Samples of up to 16 bits, and those of lossy formats, become what is usual: 16 bits, or as a lossy format has it.

    Raises:
        DataError: it stands for none.
    """
    kind = path.suffix.removeprefix(".").upper()
    if kind not in FORMATS:
        allowed = ", ".join(f".{name.lower()}" for name in FORMATS)
        raise DataError(f"{path}: found the suffix {path.suffix!r}; allowed: {allowed}")
    if kind == "OPUS":
        return AudioFormat("OGG", "OPUS")
    possible = (samples for samples in KEPT_AS.get(facts.samples, ()) if check_format(kind, samples))
    samples = next(possible, default_subtype(kind))
    size = facts.channels * facts.frames * BITS.get(samples, 16) // 8
    return AudioFormat("RF64" if kind == "WAV" and size > MOST_WAV_BYTES else kind, samples)


def write_audio(path: Path, audio_format: AudioFormat, facts: AudioFacts, blocks: Iterable[Tensor], name: str) -> float:
    """Write blocks, float32 [C, L], one after another; what the format does not hold is cut off at ±1.

    Args:
        path: where to write.
        audio_format: one that ``format_of`` gives.
        facts: rate and number of channels.
        blocks: the signal; the first is asked for when the format is known to have such a rate and so many channels.
        name: what messages call the file.

    Returns:
        the largest magnitude of a sample before that.

    Raises:
        DataError: the format has no such rate or so many channels, or the disk is full.
    """
    try:
        file = SoundFile(path, "w", facts.rate, facts.channels, audio_format.samples, format=audio_format.container)
    except LibsndfileError as problem:
        raise DataError(
            f"{name}: cannot be written at {facts.rate} Hz with {facts.channels} channel(s) ({reason_of(problem)})"
        ) from problem
    peak = 0.0
    try:
        with file:
            for block in blocks:
                peak = max(peak, float(block.abs().max()))
                for part in block.T.split(AT_ONCE):
                    file.write(part.numpy())
    except LibsndfileError as problem:
        raise DataError(f"{name}: cannot be written ({reason_of(problem)})") from problem
    return peak
