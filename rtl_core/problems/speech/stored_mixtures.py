"""Mixtures as files: the stretches of sound cut out of their sources, a table that names them, and both read back."""

from collections import defaultdict, deque
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch
from torch import Tensor
from torch.nn import functional as F

from rtl_core.errors import DataError
from rtl_core.networks.speech_unet import RATE
from rtl_core.problems.speech.audio_file import read_blocks
from rtl_core.problems.speech.mixtures import Mixture, Stretch

MANIFEST, COUNTS, SPEECH, NOISE = "manifest.csv", "counts.csv", "speech.wav", "noise.wav"
SILENT = 1e-4
"""Root mean square below which a stretch says nothing."""


def write_mixtures(folder: Path, clean: Path, noise: Path, mixtures: Sequence[Mixture], seconds: float) -> list[str]:
    """Write the manifest, counts of it and the two files of sound that it refers to.

    Returns:
        a line for each file of which a stretch could not be used, and one for each scene and split that has fewer
        mixtures than planned.
    """
    spoken, left_out = cut_out(clean, [m.speech for m in mixtures], seconds, folder / SPEECH)
    sounded, more = cut_out(noise, [m.noise for m in mixtures], seconds, folder / NOISE)
    rows = [
        {
            "split": m.split,
            "scene": m.scene,
            "speaker": m.speaker,
            "speech_file": m.speech[0],
            "speech_offset_s": m.speech[1],
            "noise_file": m.noise[0],
            "noise_offset_s": m.noise[1],
            "snr_db": m.snr_db,
            "speech_frame": spoken[m.speech],
            "noise_frame": sounded[m.noise],
            "frames": round(seconds * RATE),
        }
        for m in mixtures
        if m.speech in spoken and m.noise in sounded
    ]
    pd.DataFrame(rows).to_csv(folder / MANIFEST, index=False)
    counts = _counts(mixtures, {(m.speech, m.noise) for m in mixtures if m.speech in spoken and m.noise in sounded})
    counts.to_csv(folder / COUNTS, index=False)
    return [*left_out, *more, *_fewer(counts)]


def _counts(planned: Sequence[Mixture], there: Container[tuple[Stretch, Stretch]]) -> pd.DataFrame:
    """For each scene and split: mixtures that were planned, that are there, and the files that these are made of."""
    rows = [(m.scene, m.split, m.speech[0], m.noise[0], (m.speech, m.noise) in there) for m in planned]
    table = pd.DataFrame(rows, columns=["scene", "split", "speech_files", "noise_files", "mixtures"])
    groups = table.groupby(["scene", "split"], sort=False)
    counted = groups.agg(planned=("mixtures", "size"), mixtures=("mixtures", "sum"))
    files = table[table.mixtures].groupby(["scene", "split"])[["speech_files", "noise_files"]].nunique()
    return counted.join(files).fillna(0).astype(int).reset_index()


def _fewer(counts: pd.DataFrame) -> list[str]:
    return [
        f"scene {row.scene}, {row.split}: found {row.mixtures} mixtures; planned: {row.planned}; the sounds of the "
        "others could not be used"
        for row in counts.itertuples()
        if row.mixtures < row.planned
    ]


def cut_out(
    folder: Path, stretches: Iterable[Stretch], seconds: float, to: Path
) -> tuple[dict[Stretch, int], list[str]]:
    """Write stretches of files one behind the other, in mono at 16 kHz and 16 bits, each file read once, in blocks.

    Returns:
        at which frame each begins, and a line for each file of which a stretch is missing.

    Silent stretches, and those of files that cannot be read to that place, are left out.
    """
    length = round(seconds * RATE)
    wanted = defaultdict(list)
    for file, at in sorted(set(stretches)):
        wanted[file].append(at)
    places: dict[Stretch, int] = {}
    left_out = []
    with soundfile.SoundFile(to, "w", RATE, 1, "PCM_16", format="RF64") as out:
        for file, times in wanted.items():
            silent = []
            try:
                for at, samples in zip(times, _stretches_of(folder / file, times, length), strict=True):
                    if float(samples.square().mean().sqrt()) < SILENT:
                        silent.append(at)
                        continue
                    places[file, at] = length * len(places)
                    out.write(samples.clamp(-1, 1).numpy())
            except DataError as problem:
                left_out.append(str(problem).replace(str(folder / file), f"{folder.name}/{file}"))
            if silent:
                left_out.append(f"{folder.name}/{file}: found silence at {', '.join(f'{at:g} s' for at in silent)}")
    return places, left_out


def _stretches_of(path: Path, times: Sequence[float], length: int) -> Iterator[Tensor]:
    """Stretches of one file, float [length], in the order of their times; what is beyond its end is silence."""
    kept, begins, waiting = torch.empty(0), 0, deque(round(at * RATE) for at in times)
    for block in read_blocks(path, RATE):
        kept = torch.cat([kept, block.mean(0)])
        while waiting and waiting[0] + length <= begins + len(kept):
            first = waiting.popleft() - begins
            yield kept[first : first + length]
        if not waiting:
            return
        past = min(len(kept), waiting[0] - begins)
        kept, begins = kept[past:], begins + past
    for first in waiting:
        rest = kept[first - begins :]
        yield F.pad(rest, (0, length - len(rest)))


class StoredMixtures:
    """Some of the mixtures in a folder, read when they are asked for.

    Args:
        folder: what ``write_mixtures`` wrote.
        table: rows of its manifest.
    """

    def __init__(self, folder: Path, table: pd.DataFrame) -> None:
        self.folder, self.table = folder, table

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, places: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Noisy and clean speech of the mixtures at some places, float [B, L] each."""
        rows = self.table.iloc[list(places)]
        speech = _read(self.folder / SPEECH, rows.speech_frame, rows.frames)
        noise = _read(self.folder / NOISE, rows.noise_frame, rows.frames)
        return mix(speech, noise, torch.tensor(rows.snr_db.to_numpy(), dtype=torch.float32)), speech


def read_manifest(folder: Path) -> pd.DataFrame:
    """Every mixture in a folder.

    Raises:
        DataError: the partition stage has not run.
    """
    try:
        names = dict.fromkeys(("split", "scene", "speaker", "speech_file", "noise_file"), str)
        return pd.read_csv(folder / MANIFEST, dtype=names, keep_default_na=False)
    except FileNotFoundError:
        raise DataError(f"{folder / MANIFEST}: not found; run the partition stage first") from None


def _read(path: Path, starts: Iterable[int], lengths: Iterable[int]) -> Tensor:
    with soundfile.SoundFile(path) as file:
        signals = []
        for start, length in zip(starts, lengths, strict=True):
            file.seek(start)
            signals.append(file.read(length, dtype="float32"))
    return torch.from_numpy(np.stack(signals))


def mix(speech: Tensor, noise: Tensor, snr_db: Tensor) -> Tensor:
    """Noisy speech, float [B, L], from speech and noise of any level, and the ratio of their energies, dB [B]."""
    energy = speech.square().sum(-1) / noise.square().sum(-1)
    return speech + (energy * 10 ** (-snr_db / 10)).sqrt()[:, None] * noise
