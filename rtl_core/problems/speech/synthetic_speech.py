"""Sounds for trying things out where there are no recordings: like speech, and like noises of three kinds."""

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import lfilter

RATE = 16_000
SPEAKERS, UTTERANCES, UTTERANCE_SECONDS = 8, 6, 4.0
NOISE_SECONDS = 60.0
NOISES = {"synthetic indoor": -1.0, "synthetic outdoor": 0.0, "synthetic transportation": -2.0}
"""The scenes, and the power of frequency that their spectra fall with."""
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
"""Formants in Hz (Peterson & Barney 1952)."""

Signal = NDArray[np.float64]


def write_synthetic(folder: Path) -> None:
    """Write ``clean/`` and ``noise/<scene>/`` as WAV files of 16 kHz, the same bytes every time."""
    for speaker in range(SPEAKERS):
        for number in range(UTTERANCES):
            rng = np.random.default_rng([1, speaker, number])
            _write(folder / f"clean/s{speaker + 1}-{number + 1}.wav", synthetic_utterance(speaker, rng))
    for number, (scene, power) in enumerate(NOISES.items()):
        rng = np.random.default_rng([2, number])
        _write(folder / f"noise/{scene}/{scene}.wav", synthetic_noise(power, number, rng))


def synthetic_utterance(speaker: int, rng: np.random.Generator) -> Signal:
    """Syllables of one voice, about 4 a second: pulses through the formants of a vowel, after a hiss at times."""
    parts: list[Signal] = []
    pitch, scale = 90 + 20 * speaker, 0.9 + 0.04 * speaker
    while sum(map(len, parts)) < UTTERANCE_SECONDS * RATE:
        length = int(rng.uniform(0.12, 0.3) * RATE)
        glide = pitch * (1 + np.linspace(0, rng.uniform(-0.2, 0.1), length))
        pulses = np.diff(np.floor(np.cumsum(glide) / RATE), prepend=0.0)
        voiced: Signal = pulses
        for formant in VOWELS[rng.integers(len(VOWELS))]:
            voiced = _resonance(voiced, formant * scale, 80.0)
        voiced = voiced / np.abs(voiced).max() * np.hanning(length)
        hiss = rng.standard_normal(length // 4) * np.hanning(length // 4) * 0.05 * rng.integers(2)
        parts += [hiss, voiced * rng.uniform(0.3, 0.6), np.zeros(int(rng.uniform(0.02, 0.12) * RATE))]
    return np.concatenate(parts)[: int(UTTERANCE_SECONDS * RATE)]


def synthetic_noise(power: float, kind: int, rng: np.random.Generator) -> Signal:
    """Gaussian noise whose spectral density falls with a power of frequency, its level swaying; clatter indoors, a
    hum and its harmonics in transport."""
    length = int(NOISE_SECONDS * RATE)
    frequencies = np.fft.rfftfreq(length, 1 / RATE)
    spectrum = np.fft.rfft(rng.standard_normal(length)) * np.maximum(frequencies, 40.0) ** (power / 2)
    noise = np.fft.irfft(spectrum, length)
    time = np.arange(length) / RATE
    sway = 1 + 0.5 * np.sin(2 * np.pi * (0.3 + 0.4 * kind) * time)
    noise = noise / noise.std() * sway
    if kind == 0:
        strikes = (rng.random(length) < 3 / RATE) * rng.exponential(20.0, length)
        noise = noise + _resonance(strikes, 2800.0, 200.0) / 20
    if kind == 2:
        noise = noise + sum(np.sin(2 * np.pi * 85 * n * time) / n for n in range(1, 5))
    scaled: Signal = noise / np.abs(noise).max() * 0.9
    return scaled


def _resonance(signal: Signal, frequency: float, width: float) -> Signal:
    radius = np.exp(-np.pi * width / RATE)
    coefficients = [1.0, -2 * radius * np.cos(2 * np.pi * frequency / RATE), radius**2]
    filtered: Signal = lfilter([1.0], coefficients, signal)
    return filtered


def _write(path: Path, signal: Signal) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, signal, RATE, subtype="PCM_16")
