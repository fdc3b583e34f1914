"""Which stretch of noise is laid over which stretch of speech, at what level: planned from the headers of files."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

import torch

from rtl_core.errors import DataError
from rtl_core.folder_contents import entries_below
from rtl_core.left_out import of_other_kinds, several
from rtl_core.networks.speech_unet import RATE
from rtl_core.problems.speech.audio_file import facts_of
from rtl_core.problems.speech.first_groups import first_groups
from rtl_core.randomness import Stream

SPLITS = ("train", "validation", "test")
SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".w64"}
OTHER_SOUND = {".m4a", ".aac", ".wma", ".amr", ".ape", ".mka", ".mp2", ".sph", ".au", ".snd", ".caf", ".raw", ".pcm"}
"""Suffixes of sound that is not looked at."""

Stretch = tuple[str, float]
"""A file below its folder, and the second at which a stretch of it begins."""
Part = tuple[str, float, float]
"""A file below its folder, and from which second to which it serves a split."""


@dataclass(frozen=True)
class Recording:
    """A file below its folder, and how long it is."""

    file: str
    seconds: float


@dataclass(frozen=True)
class Mixture:
    """A stretch of speech and one of noise, and the ratio of their energies in dB."""

    split: str
    scene: str
    speaker: str
    speech: Stretch
    noise: Stretch
    snr_db: float


def audio_files(folder: Path) -> list[Path]:
    """Every audio file below a folder, by its suffix, in the order of names."""
    return sorted(path for path in entries_below(folder) if path.suffix.lower() in SUFFIXES and path.is_file())


def recordings_in(folder: Path, key: str, least: float) -> tuple[list[Recording], list[str]]:
    """What can be used below a folder, from headers alone, and lines to tell of the rest: one for each file that cannot
    be read, one for all that are too short, and one for each other kind of sound.

    Args:
        folder: of speech, or of noise.
        key: what messages call its setting.
        least: seconds that a recording must have.

    Raises:
        DataError: there is no such folder, or no audio file in it, or none that can be used.
    """
    if not folder.is_dir():
        raise DataError(f"{key}: found {str(folder)!r}, which is no folder")
    recordings, short, left_out = [], [], []
    for path in audio_files(folder):
        name = path.relative_to(folder).as_posix()
        try:
            facts = facts_of(path)
        except DataError as problem:
            left_out.append(str(problem).replace(str(path), f"{folder.name}/{name}"))
            continue
        seconds = facts.frames / facts.rate
        if seconds >= least:
            recordings.append(Recording(name, seconds))
        else:
            short.append(f"{folder.name}/{name}")
    if short:
        left_out.append(f"{several(short)}: found less than {least:g} s; allowed: {least:g} s and more")
    others = sorted(path for path in entries_below(folder) if path.suffix.lower() in OTHER_SOUND and path.is_file())
    names = [f"{folder.name}/{path.relative_to(folder).as_posix()}" for path in others]
    left_out += of_other_kinds(names, sorted(SUFFIXES))
    if not recordings:
        reason = left_out[0] if left_out else f"allowed: files ending in {', '.join(sorted(SUFFIXES))}"
        raise DataError(f"{key}: found no audio file that can be used below {str(folder)!r}; {reason}")
    return recordings, left_out


def groups_of(
    recordings: Sequence[Recording], pattern: str, key: str, least: int = len(SPLITS)
) -> dict[str, list[Recording]]:
    """The recordings of each speaker, or place: whom the first group of a regular expression names in a file's path.

    Args:
        recordings: of speech, or of noise.
        pattern: the regular expression.
        key: what messages call its setting.
        least: how many groups there must be.

    Raises:
        DataError: the pattern is none, has no group, takes too long, or misses a file; or there are too few groups.
    """
    groups = defaultdict(list)
    names = first_groups(pattern, [normalize("NFC", recording.file) for recording in recordings], key)
    for recording, name in zip(recordings, names, strict=True):
        if not name:
            raise DataError(f"{key}: {pattern!r} finds no name in {recording.file!r}")
        groups[name].append(recording)
    if len(groups) < least:
        raise DataError(
            f"{key}: {pattern!r} finds {len(groups)} name(s), such as {next(iter(groups))!r}; allowed: {least} "
            "and more, so that train, validation and test share none"
        )
    return dict(groups)


def split_names(names: Iterable[str], shares: Mapping[str, float], stream: Stream) -> dict[str, str]:
    """The split of each of three names or more: at random, ``validation`` and ``test`` with about their shares of them.

    Each split has one at least.
    """
    names = sorted(names)
    order = [names[i] for i in torch.randperm(len(names), generator=stream.generator())]
    counts = {split: max(1, round(share * len(names))) for split, share in shares.items()}
    counts["test"] = min(counts["test"], len(names) - 2)
    counts["validation"] = min(counts["validation"], len(names) - 1 - counts["test"])
    kept_apart = ["test"] * counts["test"] + ["validation"] * counts["validation"]
    return dict(zip(order, [*kept_apart, *["train"] * (len(names) - len(kept_apart))], strict=True))


def speech_stretches(recordings: Iterable[Recording], seconds: float) -> list[Stretch]:
    """Stretches of speech, one behind the other; a last one counts, filled up with silence, from half its length on."""
    return [
        (recording.file, number * seconds)
        for recording in recordings
        for number in range(int(recording.seconds / seconds + 0.5))
    ]


def noise_parts(
    recordings: Sequence[Recording], pattern: str, shares: Mapping[str, float], seconds: float, stream: Stream
) -> dict[str, list[Part]]:
    """What of the noise in a scene serves each split.

    A recording that is long enough is cut in three, training first, testing last. Short ones, as TAU's of ten seconds,
    are dealt out whole, at random; files of one place stay together. Short ones of fewer than three places serve
    training where there are long ones beside them, which serve all three.

    Args:
        recordings: of one scene, each a mixture's length at least.
        pattern: a regular expression whose first group names the place in the path of a file.
        shares: of ``validation`` and ``test``.
        seconds: length of a mixture.
        stream: where the dealing is drawn from.

    Raises:
        DataError: recordings are too short to be cut, and of fewer than three places.
    """
    pieces = [_cut(recording, shares) for recording in recordings]
    are_long = [all(end - start > seconds for _, start, end in each.values()) for each in pieces]
    parts = {
        split: [each[split] for each, is_long in zip(pieces, are_long, strict=True) if is_long] for split in SPLITS
    }
    short = [recording for recording, is_long in zip(recordings, are_long, strict=True) if not is_long]
    if short:
        groups = groups_of(short, pattern, "partition.place", 1 if any(are_long) else len(SPLITS))
        enough = len(groups) >= len(SPLITS)
        split_of = split_names(groups, shares, stream) if enough else dict.fromkeys(groups, SPLITS[0])
        for name in sorted(groups):
            parts[split_of[name]] += [(r.file, 0.0, r.seconds) for r in groups[name]]
    return parts


def _cut(recording: Recording, shares: Mapping[str, float]) -> dict[str, Part]:
    test = recording.seconds * (1 - shares["test"])
    validation = test - recording.seconds * shares["validation"]
    return {
        "train": (recording.file, 0.0, validation),
        "validation": (recording.file, validation, test),
        "test": (recording.file, test, recording.seconds),
    }


def plan_scene(
    scene: str,
    split: str,
    speech: Sequence[tuple[str, Stretch]],
    noise: Sequence[Part],
    seconds: float,
    snr: Sequence[float],
    most: int,
    stream: Stream,
) -> list[Mixture]:
    """The mixtures of one scene and split: speech in an order drawn at random, with a stretch of noise each.

    Args:
        scene: its name.
        split: ``train``, ``validation`` or ``test``.
        speech: speaker and stretch, of this split.
        noise: what of the scene's recordings serves this split, each a mixture's length at least.
        seconds: length of a stretch.
        snr: least and greatest ratio of energies, in dB, between which it is drawn evenly.
        most: mixtures; 0 for as many as there are stretches of speech.
        stream: where all is drawn from.
    """
    rooms = torch.tensor([end - start - seconds for _, start, end in noise], dtype=torch.float64)
    generator = stream.generator()
    order = torch.randperm(len(speech), generator=generator)[: most or None].tolist()
    chances = rooms if (rooms >= seconds).all() else 1 + rooms / seconds  # by length, where one leaves hardly room
    taken = torch.multinomial(chances, len(order), replacement=True, generator=generator).tolist()
    where, levels = torch.rand(2, len(order), dtype=torch.float64, generator=generator).tolist()
    mixtures = []
    for place, number, at, level in zip(order, taken, where, levels, strict=True):
        file, start, _ = noise[number]
        offset = int((start + at * float(rooms[number])) * RATE) / RATE
        speaker, stretch = speech[place]
        mixtures.append(
            Mixture(split, scene, speaker, stretch, (file, offset), round(snr[0] + level * (snr[1] - snr[0]), 3))
        )
    return mixtures
