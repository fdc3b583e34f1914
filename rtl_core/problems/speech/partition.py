"""How a folder of clean speech and one of noise are split and mixed."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from unicodedata import normalize

from rtl_core.errors import DataError, SettingsError
from rtl_core.folder_contents import entries_in
from rtl_core.left_out import several, write_left_out
from rtl_core.problems.speech.mixtures import (
    SPLITS,
    SUFFIXES,
    Recording,
    groups_of,
    noise_parts,
    plan_scene,
    recordings_in,
    speech_stretches,
    split_names,
)
from rtl_core.problems.speech.stored_mixtures import read_manifest, write_mixtures
from rtl_core.randomness import Stream


def mix_folders(
    folder: Path,
    clean: Path,
    noise: Path,
    speaker: str,
    place: str,
    seconds: float,
    snr: list[float],
    mixtures: list[int],
    share: float,
    shares: dict[str, float],
    stream: Stream,
) -> None:
    """Write the mixtures of every scene, the sounds that they are made of, and what was left out.

    Args:
        folder: where to.
        clean: folder of clean speech.
        noise: folder of noise, one sub-folder a scene.
        speaker: regular expression whose first group names the speaker in a file's path below ``clean``.
        place: the same for the place in a file's path below ``noise``.
        seconds: length of a mixture.
        snr: least and greatest ratio of speech to noise, dB.
        mixtures: most of a scene for each of SPLITS; 0: no limit.
        share: of these, which is used; one mixture at least.
        shares: of the speakers and of each recording of noise, for validation and test.
        stream: where the splits and the mixtures are drawn from.

    Raises:
        SettingsError: the ratios are the wrong way round, or a count is negative.
        DataError: a folder has nothing that can be used, or is too small to be split.
    """
    if snr[0] > snr[1] or min(mixtures) < 0:
        raise SettingsError(
            f"partition: found snr {snr} and mixtures {mixtures}; allowed: the smaller ratio first, "
            "and counts of 0 and more"
        )
    recordings, left_out = recordings_in(clean, "partition.clean", seconds / 2)
    scenes = _scenes_in(noise)
    left_out += _in_no_scene(noise)
    speakers = groups_of(recordings, speaker, "partition.speaker")
    split_of = split_names(speakers, shares, stream.at(draw="speakers"))
    planned = []
    for scene, own_folder in scenes.items():
        of_scene, unusable = recordings_in(noise / own_folder, f"partition.noise, scene {scene}", seconds)
        left_out += unusable
        of_scene = [Recording(f"{own_folder}/{recording.file}", recording.seconds) for recording in of_scene]
        parts = noise_parts(of_scene, place, shares, seconds, stream.at(scene=scene, draw="places"))
        for split in SPLITS:
            own = [name for name in sorted(speakers) if split_of[name] == split]
            speech = [(name, stretch) for name in own for stretch in speech_stretches(speakers[name], seconds)]
            most = max(1, round(share * min(len(speech), mixtures[SPLITS.index(split)] or len(speech))))
            drawn = stream.at(scene=scene, split=split)
            planned += plan_scene(scene, split, speech, parts[split], seconds, snr, most, drawn)
    left_out += write_mixtures(folder, clean, noise, planned, seconds)
    _check_all_there(folder, scenes, left_out)
    write_left_out(folder, left_out)


def _check_all_there(folder: Path, scenes: Iterable[str], left_out: Sequence[str]) -> None:
    written = read_manifest(folder).groupby(["split", "scene"]).size()
    for split in SPLITS:
        for scene in scenes:
            if (split, scene) not in written:
                raise DataError(
                    f"no mixture for {split} in scene {scene}; {left_out[0] if left_out else 'speech is too short'}"
                )


def _in_no_scene(noise: Path) -> list[str]:
    files = [path for path in entries_in(noise) if path.suffix.lower() in SUFFIXES and path.is_file()]
    if not files:
        return []
    names = [f"{noise.name}/{path.name}" for path in files]
    return [f"{several(names)}: found in no scene's folder; allowed: one sub-folder for each scene"]


def _scenes_in(noise: Path) -> dict[str, str]:
    """The sub-folder of each scene."""
    folders = [path for path in entries_in(noise) if path.is_dir()] if noise.is_dir() else []
    scenes = {normalize("NFC", path.name): path.name for path in folders}
    if len(scenes) < 2 or len(scenes) < len(folders):
        raise DataError(
            f"partition.noise: found {len(scenes)} sub-folder(s) of different names in {str(noise)!r}; "
            "allowed: one a scene, two or more"
        )
    return scenes
