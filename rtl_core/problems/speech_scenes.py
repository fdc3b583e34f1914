"""Speech in noise, one ticket an acoustic scene: which mixtures there are, and how results are scored (section 4)."""

import importlib.util
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from rtl_core.description.about import Usage
from rtl_core.description.architecture import SpeechNetwork
from rtl_core.description.decision import Speech
from rtl_core.description.preprocessing import Sound
from rtl_core.device import DeviceName, device_of
from rtl_core.errors import SettingsError
from rtl_core.networks.speech_unet import RATE, SIGNALS_AT_A_TIME, speech_unet
from rtl_core.problem import AcrossSubsets, Exhibit, Objective, Problem, Score
from rtl_core.problems.source_path import source_path
from rtl_core.problems.speech.mixtures import audio_files
from rtl_core.problems.speech.partition import mix_folders
from rtl_core.problems.speech.scores import NOTHING_DONE, Perceptual, improvements, si_snr_improvement
from rtl_core.problems.speech.spectrogram_picture import sound_exhibit
from rtl_core.problems.speech.stored_mixtures import StoredMixtures, read_manifest
from rtl_core.problems.speech.synthetic_speech import NOISES, write_synthetic
from rtl_core.problems.speech.weighted_sdr import enhancement_loss
from rtl_core.randomness import Stream
from rtl_core.scoring import MEAN

PROTOCOL, SYNTHETIC = "enhancement", "enhancement of synthetic sounds"
COMPARED = 8
"""Mixtures of each scene whose enhanced signals tell whether two tickets do the same."""

Batch = tuple[Tensor, Tensor]


class SpeechScenes(Problem):
    """K = the scenes; ticket k learns to take the noise of scene k off speech. No negatives: it hears its own scene."""

    @classmethod
    def partition(
        cls,
        folder: Path,
        *,
        clean: Annotated[
            str,
            Field(description="folder of clean speech ($NAME as in the environment); none: synthetic sounds"),
        ] = "",
        noise: Annotated[str, Field(description="folder of noise with one sub-folder a scene")] = "",
        speaker: Annotated[
            str,
            Field(
                max_length=200,
                description="regular expression whose first group names the speaker in a file's path below clean",
            ),
        ] = "^(..)",
        place: Annotated[
            str,
            Field(
                max_length=200,
                description="the same for the place in a file's path below noise: where recordings are too short to be "
                "cut, those of one place stay together",
            ),
        ] = "(.+)",
        seconds: Annotated[float, Field(ge=0.5, le=60, description="length of a mixture")] = 2.0,
        snr: Annotated[
            list[float], Field(min_length=2, max_length=2, description="least and greatest speech-to-noise ratio, dB")
        ] = [-5.0, 10.0],  # noqa: B006
        mixtures: Annotated[
            list[int],
            Field(min_length=3, max_length=3, description="most a scene for train, validation and test; 0: no limit"),
        ] = [0, 0, 0],  # noqa: B006
        share: Annotated[float, Field(gt=0, le=1, description="share of these that is used; one at least")] = 1.0,
        validation_share: Annotated[
            float, Field(gt=0, lt=0.5, description="share of the speakers and of each recording of noise")
        ] = 0.1,
        test_share: Annotated[float, Field(gt=0, lt=0.5, description="share kept for testing")] = 0.25,
        seed: Annotated[int, Field(ge=0, description="seed of the splits and the mixtures")] = 0,
    ) -> None:
        """Write which mixtures there are, and the sounds that they are made of.

        Raises:
            SettingsError: one folder is given without the other, or the ratios are the wrong way round.
            DataError: a folder is missing or has nothing that can be used, or is too small to be split.
        """
        if bool(clean) != bool(noise):
            raise SettingsError(
                "partition.clean and partition.noise: found one without the other; allowed: both or none"
            )
        shares = {"validation": validation_share, "test": test_share}
        how = (speaker, place, seconds, snr, mixtures, share, shares, Stream(seed))
        if clean:
            mix_folders(folder, source_path(clean, "partition.clean"), source_path(noise, "partition.noise"), *how)
        else:
            with TemporaryDirectory() as scratch:
                write_synthetic(Path(scratch))
                mix_folders(folder, Path(scratch) / "clean", Path(scratch) / "noise", *how)

    @classmethod
    def source_files(cls, *, clean: str = "", noise: str = "", **_: object) -> list[Path]:
        """Every audio file below the two folders."""
        folders = {"clean": clean, "noise": noise}
        return [p for key, name in folders.items() if name for p in audio_files(source_path(name, f"partition.{key}"))]

    def __init__(
        self,
        folder: Path,
        *,
        batch_size: Annotated[int, Field(ge=1, le=4096, description="mixtures in a step")] = 8,
        scored_on: Annotated[
            Literal["validation", "test"], Field(description="validation: while settings are chosen")
        ] = "test",
        perceptual: Annotated[
            list[Perceptual], Field(description="further scores; pesq needs the package of its name")
        ] = ["stoi"],  # noqa: B006
        precision: Annotated[
            Literal["float32", "bfloat16"], Field(description="of convolutions in training")
        ] = "float32",
        device: DeviceName = "auto",
    ) -> None:
        if "pesq" in perceptual and importlib.util.find_spec("pesq") is None:
            raise SettingsError("training.perceptual: found pesq, which needs `pip install pesq` (and a C compiler)")
        self.folder, self.batch_size, self.perceptual = folder, batch_size, perceptual
        self.precision, self.device = precision, device_of(device)
        manifest = read_manifest(folder)
        self.subsets = tuple(sorted(manifest.scene.unique()))
        self.protocol = SYNTHETIC if all(name in NOISES for name in self.subsets) else PROTOCOL
        training, scored = (manifest[manifest.split == split] for split in ("train", scored_on))
        self.everything = StoredMixtures(folder, training)
        self.training = [StoredMixtures(folder, training[training.scene == scene]) for scene in self.subsets]
        self.scored = [StoredMixtures(folder, scored[scored.scene == scene]) for scene in self.subsets]

    def random_partition(self, generator: torch.Generator) -> "SpeechScenes":
        """Mixtures in K parts of about equal size, whatever their scene."""
        dealt = copy(self)
        order = torch.randperm(len(self.everything), generator=generator)
        dealt.training = [
            StoredMixtures(self.folder, self.everything.table.iloc[part.numpy()])
            for part in order.tensor_split(len(self.subsets))
        ]
        return dealt

    def network(self, generator: torch.Generator) -> nn.Module:
        return speech_unet(self.precision, generator).to(self.device)

    def prunable(self, network: nn.Module) -> Sequence[str]:
        """The weights of the ten convolutions: 37,368."""
        return [name for name, parameter in network.named_parameters() if parameter.dim() == 4]

    def usage(self, one_network: bool = False) -> Usage:
        return Usage(SpeechNetwork(precision=self.precision), Sound(rate=RATE), Speech())

    @property
    def objectives(self) -> Sequence[Objective]:
        return [self._objective(name, part) for name, part in zip(self.subsets, self.training, strict=True)]

    @property
    def single_objective(self) -> Objective:
        return self._objective("all", self.everything)

    def _objective(self, name: str, mixtures: StoredMixtures) -> Objective:
        return Objective(name, partial(self._batches, mixtures), -(-len(mixtures) // self.batch_size), enhancement_loss)

    def _batches(self, mixtures: StoredMixtures, generator: torch.Generator) -> Iterator[Batch]:
        for places in torch.randperm(len(mixtures), generator=generator).split(self.batch_size):
            noisy, clean = mixtures[places.tolist()]
            yield noisy.to(self.device), clean.to(self.device)

    def score(self, tickets: Sequence[nn.Module]) -> list[Score]:
        """How much better speech has become: each test mixture, the mean of each scene, and the mean of scenes.

        Mixtures that a perceptual score is not defined for do not count in it, nor do scenes that have no other.
        """
        scores: list[Score] = []
        for scene, network, mixtures in zip(self.subsets, tickets, self.scored, strict=True):
            improved = self._improvements(network, mixtures)
            for metric, values in improved.items():
                known = {number: value for number, value in enumerate(values) if math.isfinite(value)}
                if known:
                    scores.append(self._score(metric, scene, mean(known.values())))
                scores += [self._score(metric, scene, known[n], _example(scene, n)) for n in known]
        of_scenes = [score for score in scores if not score.example]
        return scores + [
            self._score(metric, MEAN, mean(score.value for score in of_scenes if score.metric == metric))
            for metric in dict.fromkeys(score.metric for score in scores)
        ]

    def _score(self, metric: str, subset: str, value: float, example: str = "") -> Score:
        return Score(self.protocol, metric, subset, value, example, True, NOTHING_DONE.get(metric))

    def score_single(self, network: nn.Module) -> list[Score]:
        return self.score([network] * len(self.subsets))

    def _improvements(self, network: nn.Module, mixtures: StoredMixtures) -> dict[str, list[float]]:
        improved: dict[str, list[float]] = defaultdict(list)
        for part in self._enhanced(network, mixtures):
            for metric, values in improvements(*part, self.perceptual).items():
                improved[metric] += values
        return improved

    @torch.inference_mode()
    def _enhanced(self, network: nn.Module, mixtures: StoredMixtures) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for places in torch.arange(len(mixtures)).split(SIGNALS_AT_A_TIME):
            noisy, clean = mixtures[places.tolist()]
            yield noisy, clean, network(noisy.to(self.device)).cpu()

    def across_subsets(self, network: nn.Module) -> AcrossSubsets:
        """SI-SNR improvement of the one ticket in every scene, and its signals for eight mixtures of each, [8 K, L]."""
        scores, signals = [], []
        for mixtures in self.scored:
            parts = list(self._enhanced(network, mixtures))
            scores.append(mean(value for part in parts for value in si_snr_improvement(*part).tolist()))
            signals.append(torch.cat([enhanced for _, _, enhanced in parts])[:COMPARED])
        return AcrossSubsets("si_snri", tuple(scores), torch.cat(signals))

    @property
    def references(self) -> Sequence[Exhibit]:
        """The first test mixture of each scene, noisy and clean."""
        shown = []
        for scene, mixtures in zip(self.subsets, self.scored, strict=True):
            noisy, clean = mixtures[[0]]
            for kind, signal in (("noisy", noisy), ("clean", clean)):
                shown.append(sound_exhibit(f"{scene}, {kind}", signal, noisy, _example(scene, 0)))
        return shown

    def exhibit(self, tickets: Sequence[nn.Module]) -> Sequence[Exhibit]:
        """What the tickets make of the first test mixture of their scenes."""
        shown = []
        for scene, network, mixtures in zip(self.subsets, tickets, self.scored, strict=True):
            first = StoredMixtures(self.folder, mixtures.table[:1])
            noisy, _, enhanced = next(self._enhanced(network, first))
            shown.append(sound_exhibit(scene, enhanced, noisy, _example(scene, 0)))
        return shown

    def exhibit_single(self, network: nn.Module) -> Sequence[Exhibit]:
        return self.exhibit([network] * len(self.subsets))


def _example(scene: str, number: int) -> str:
    """What a test mixture of a scene is called, in the order of the manifest."""
    return f"{scene} {number}"
