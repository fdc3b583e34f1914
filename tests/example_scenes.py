"""Tables of a problem whose exhibits are heard as well as seen: speech-like clips of three scenes."""

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from example_instances import png_of
from example_tables import PRUNABLE, scoring_of

from rtl_core.problem import Sound
from tasks.exhibit_method import flac
from tasks.tables.margins import margins_table

SCENES = ("indoor", "outdoor", "transport")
SCENE_METHODS = {"rtl": 0.0, "imp_single": 0.3, "imp_multiple": 0.2, "imp_single_union": 0.25}
SCENE_LEVELS = (0.25, 0.5, 0.75)
METRICS = {"si_snri": ("enhancement", 9.0), "stoi": ("enhancement", 0.9)}
RATE, SECONDS = 16_000, 1
SPECTROGRAM = (257, 128)
"""Height and width."""


def scene_tables() -> dict[str, pd.DataFrame]:
    """The tables of the one job, with sounds, scores of 20 clips a scene, and margins."""
    examples = pd.DataFrame(_examples())
    of_subsets = examples.groupby(KEYS, sort=False).value.mean().reset_index()
    means = of_subsets.groupby(KEYS[:-1], sort=False).value.mean().reset_index().assign(subset="mean")
    results = pd.concat([of_subsets, means], ignore_index=True)
    summary = means.rename(columns={"value": "mean"}).drop(columns=["subset", "seed"])
    scoring = scoring_of(results)
    return {
        "results": results,
        "scoring": scoring,
        "summary": summary.assign(low=None, high=None, seeds=1).astype({"low": float, "high": float}),
        "parameters": pd.DataFrame(_parameters()),
        "examples": examples,
        "margins": margins_table(examples, scoring),
        "exhibits": pd.DataFrame(_exhibits()),
    }


def _parameters() -> Iterator[dict[str, object]]:
    for method, sparsity in itertools.product(SCENE_METHODS, SCENE_LEVELS):
        active = round(PRUNABLE * (1 - sparsity))
        union = active * len(SCENES) if method == "imp_multiple" else active
        place = {"method": method, "seed": 0, "sparsity": sparsity, "prunable": PRUNABLE}
        yield {**place, "union": union, "active_mean": active, "dense": 5_210, "file_bytes": 4 * union}


KEYS = ["method", "seed", "sparsity", "protocol", "metric", "subset"]


def _examples() -> Iterator[dict[str, object]]:
    for method, loss in SCENE_METHODS.items():
        for sparsity in SCENE_LEVELS:
            for metric, (protocol, best) in METRICS.items():
                for scene in SCENES:
                    for number in range(20):
                        place = (method, 0, sparsity, protocol, metric, scene)
                        wave = 0.5 * np.sin(number + 3 * loss) + np.cos(2.2 * number)
                        value = best * (
                            1 - 0.1 * SCENES.index(scene) - 0.2 * sparsity**4 - loss * sparsity / 2 + 0.05 * wave
                        )
                        yield dict(zip(KEYS, place, strict=True)) | {"example": f"clip {number}", "value": value}


def clip(scene: str, noise: float) -> Sound:
    """A gliding tone with harmonics, in as much noise as asked for."""
    time = torch.arange(RATE * SECONDS) / RATE
    pitch = 2 * torch.pi * (120 + 60 * SCENES.index(scene)) * (time + 0.05 * torch.sin(6 * time))
    tone = sum(torch.sin(number * pitch) / number for number in range(1, 20))
    tone = tone * (0.5 + 0.5 * torch.sin(20 * time)) / 4
    return Sound(tone + noise * torch.randn(len(time), generator=torch.Generator().manual_seed(0)), RATE)


def _exhibits() -> Iterator[dict[str, object]]:
    def row(method: str, sparsity: float | None, exhibit: str, sound: Sound) -> dict[str, object]:
        picture = png_of(_spectrogram(sound))
        place = {"instance": "", "method": method, "seed": 0, "sparsity": sparsity, "exhibit": exhibit}
        return {**place, "png": picture, "flac": flac(sound), "example": "clip 0"}

    for scene in SCENES:
        yield row("", None, f"{scene}, noisy", clip(scene, 0.1))
        yield row("", None, f"{scene}, clean", clip(scene, 0))
    for method, loss in SCENE_METHODS.items():
        for sparsity in SCENE_LEVELS:
            for scene in SCENES:
                yield row(method, sparsity, scene, clip(scene, 0.04 * (loss + sparsity**2)))


def _spectrogram(sound: Sound) -> np.ndarray:
    height, width = SPECTROGRAM
    window = torch.hann_window(2 * (height - 1))
    found = torch.stft(sound.samples, len(window), RATE * SECONDS // width, window=window, return_complex=True)
    level = (found.abs()[:, :width].log10() / 4 + 0.6).clamp(0, 1).flip(0)
    return (255 * torch.stack([level**0.7, level**1.5, 0.3 + 0.4 * level - 0.5 * level**3], -1)).byte().numpy()
