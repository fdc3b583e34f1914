"""What is mixed with what: exact ratios, splits that share nothing, sounds as in their files, bad files named."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from rtl_core.errors import DataError, SettingsError
from rtl_core.left_out import LEFT_OUT
from rtl_core.networks.speech_unet import RATE
from rtl_core.problems.speech.mixtures import SPLITS, Recording, noise_parts, plan_scene, split_names
from rtl_core.problems.speech.stored_mixtures import (
    COUNTS,
    MANIFEST,
    NOISE,
    SPEECH,
    StoredMixtures,
    mix,
    read_manifest,
)
from rtl_core.problems.speech_scenes import SpeechScenes
from rtl_core.randomness import Stream

SECONDS = 0.5
SCENES = ("calm", "loud")


def sound(seconds, seed, rate=RATE, channels=1):
    shape = (int(seconds * rate), channels)
    return 0.3 * np.random.default_rng(seed).uniform(-1, 1, shape)


def write(path, samples, rate=RATE, subtype="PCM_16"):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype)


@pytest.fixture
def sources(tmp_path):
    """Four speakers with two recordings of two and a bit stretches each, and two scenes with two recordings each."""
    for speaker in "abcd":
        for number in range(2):
            write(tmp_path / f"clean/{speaker}{speaker}{number}.wav", sound(2.6 * SECONDS, [ord(speaker), number]))
    for scene in SCENES:
        for number in range(2):
            write(tmp_path / f"noise/{scene}/{number}.flac", sound(10, [len(scene), number, ord(scene[0])]))
    return tmp_path


def cut_short(sources):
    """One scene's recordings of a second each."""
    for number in range(2):
        write(sources / f"noise/calm/{number}.flac", sound(1, [9, number]))


def partition(sources, to="data", **changes):
    folder = sources / to
    folder.mkdir()
    settings = {"clean": str(sources / "clean"), "noise": str(sources / "noise"), "seconds": SECONDS} | changes
    SpeechScenes.partition(folder, **settings)
    return folder


def left_out(folder):
    return json.loads((folder / LEFT_OUT).read_text())


@given(st.integers(0, 99), st.lists(st.floats(-20, 30), min_size=1, max_size=4))
def test_a_mixture_has_the_ratio_that_was_asked_for(seed, ratios):
    generator = torch.Generator().manual_seed(seed)
    speech, noise = torch.rand(2, len(ratios), 500, dtype=torch.float64, generator=generator) - 0.5
    noisy = mix(speech, noise, torch.tensor(ratios, dtype=torch.float64))
    found = 10 * (speech.square().sum(1) / (noisy - speech).square().sum(1)).log10()
    assert found.tolist() == pytest.approx(ratios, abs=1e-6)


@given(st.integers(3, 60), st.floats(0.01, 0.49), st.floats(0.01, 0.49), st.integers(0, 9))
def test_every_split_has_speakers_of_its_own(count, validation, test, seed):
    names = [f"{number:02}" for number in range(count)]
    found = split_names(names, {"validation": validation, "test": test}, Stream(seed))
    assert set(found) == set(names) and set(found.values()) == set(SPLITS)
    assert found == split_names(names[::-1], {"validation": validation, "test": test}, Stream(seed))


@given(st.floats(0.1, 1e4), st.floats(0.01, 0.49), st.floats(0.01, 0.49))
def test_a_long_recording_of_noise_is_divided_among_the_splits(seconds, validation, test):
    shares = {"validation": validation, "test": test}
    parts = noise_parts([Recording("x", seconds)], "(.+)", shares, seconds / 1000, Stream(0))
    edges = [edge for split in SPLITS for _, *part in parts[split] for edge in part]
    assert edges == sorted(edges) and edges[0] == 0 and edges[-1] == seconds
    assert edges[1] == edges[2] and edges[3] == edges[4]


@pytest.mark.slow
@given(st.integers(3, 30), st.integers(1, 4), st.sampled_from([2.0, 10.0]), st.integers(0, 9))
def test_short_recordings_of_noise_are_dealt_out_whole_a_place_to_one_split(places, segments, seconds, seed):
    recordings = [Recording(f"s/airport-{p:02}-{n}-a.wav", 10.0) for p in range(places) for n in range(segments)]
    parts = noise_parts(recordings, r"airport-(\d+)", {"validation": 0.1, "test": 0.25}, seconds, Stream(seed))
    dealt = [part for split in SPLITS for part in parts[split]]
    assert sorted(dealt) == [(recording.file, 0.0, 10.0) for recording in recordings]
    split_of = {}
    for split in SPLITS:
        assert parts[split]
        for file, _, _ in parts[split]:
            assert split_of.setdefault(file[:12], split) == split
    speech = [("a", ("x.wav", 0.0)), ("b", ("y.wav", 2.0))]
    planned = plan_scene("s", "test", speech, parts["test"], seconds, [0.0, 5.0], 0, Stream(seed))
    assert len(planned) == 2 and all(0 <= mixture.noise[1] <= 10 - seconds for mixture in planned)


def test_splits_share_no_speaker_and_no_stretch_of_noise(sources):
    manifest = read_manifest(partition(sources))
    assert set(manifest.split) == set(SPLITS) and set(manifest.scene) == set(SCENES)
    assert (manifest.groupby("speaker").split.nunique() == 1).all()
    used = manifest.assign(end=manifest.noise_offset_s + SECONDS)
    for _, rows in used.groupby("noise_file"):
        spans = rows.groupby("split").agg(start=("noise_offset_s", "min"), end=("end", "max"))
        ordered = spans.reindex([split for split in SPLITS if split in spans.index])
        assert (ordered.end.to_numpy()[:-1] <= ordered.start.to_numpy()[1:]).all()
    assert manifest.snr_db.between(-5, 10).all()
    per_scene = manifest.groupby(["split", "scene"]).size().unstack()
    assert (per_scene.calm == per_scene.loud).all() and per_scene.to_numpy().sum() == 2 * 4 * 2 * 3


def test_a_share_of_the_mixtures_is_the_first_of_each_scene_and_split(sources):
    whole = read_manifest(partition(sources))
    for share, most in ((1.0, [0, 0, 0]), (0.5, [0, 0, 0]), (0.5, [4, 1, 1]), (0.01, [0, 0, 0])):
        part = read_manifest(partition(sources, f"{share} {most}", share=share, mixtures=most))
        for split, limit in zip(SPLITS, most, strict=True):
            for scene in SCENES:
                of_whole, rows = (of[(of.split == split) & (of.scene == scene)] for of in (whole, part))
                count = min(len(of_whole), limit or len(of_whole))
                assert len(rows) == max(1, round(share * count))
                told = ["speaker", "speech_file", "speech_offset_s"]
                assert rows[told].values.tolist() == of_whole[told].values[: len(rows)].tolist()


def test_sounds_are_those_of_their_files_and_the_end_of_one_is_filled_up(sources):
    folder = partition(sources)
    stored, _ = soundfile.read(folder / SPEECH, dtype="int16")
    noises, _ = soundfile.read(folder / NOISE, dtype="int16")
    length = int(SECONDS * RATE)
    for row in read_manifest(folder).itertuples():
        speech, _ = soundfile.read(sources / "clean" / row.speech_file, dtype="int16")
        start = int(row.speech_offset_s * RATE)
        expected = np.zeros(length, dtype=np.int16)
        expected[: len(speech[start : start + length])] = speech[start : start + length]
        assert np.array_equal(stored[row.speech_frame :][:length], expected)
        noise, _ = soundfile.read(sources / "noise" / row.noise_file, dtype="int16")
        start = round(row.noise_offset_s * RATE)
        assert np.array_equal(noises[row.noise_frame :][:length], noise[start : start + length])


def test_the_same_seed_gives_the_same_files_and_another_one_other_mixtures(sources):
    first, again = partition(sources), partition(sources, "again")
    for name in (MANIFEST, SPEECH, NOISE):
        assert (first / name).read_bytes() == (again / name).read_bytes()
    assert (partition(sources, "other", seed=1) / MANIFEST).read_bytes() != (first / MANIFEST).read_bytes()


def test_what_is_hidden_or_a_systems_own_is_no_speech_and_no_scene(sources):
    first = partition(sources)
    listed = SpeechScenes.source_files(clean=str(sources / "clean"), noise=str(sources / "noise"))
    for name in ("clean/.ipynb_checkpoints", "clean/@eaDir", "noise/.hidden", "noise/__MACOSX", "noise/calm/.old"):
        shutil.copytree(sources / "noise/loud", sources / name)
    shutil.copy(sources / "clean/aa0.wav", sources / "clean/._aa0.wav")
    again = partition(sources, "again")
    for name in (MANIFEST, SPEECH, NOISE):
        assert (first / name).read_bytes() == (again / name).read_bytes()
    assert SpeechScenes.source_files(clean=str(sources / "clean"), noise=str(sources / "noise")) == listed


def test_names_are_the_same_however_a_system_composes_their_letters(sources):
    (sources / "noise/calm").rename(sources / "noise/cafe\u0301")
    for number in range(2):
        (sources / f"clean/aa{number}.wav").rename(sources / f"clean/e\u0301a{number}.wav")
    manifest = read_manifest(partition(sources, speaker="^(éa|..)"))
    assert set(manifest.scene) == {"café", "loud"} and set(manifest.speaker) == {"éa", "bb", "cc", "dd"}
    (sources / "noise/café").mkdir()
    with pytest.raises(DataError, match=r"found 2 sub-folder\(s\) of different names"):
        partition(sources, "again")


def test_no_more_mixtures_than_asked_for_and_only_their_sounds_are_kept(sources):
    folder = partition(sources, mixtures=[3, 1, 2])
    counts = read_manifest(folder).groupby("split").size()
    assert counts.to_dict() == {"train": 6, "validation": 2, "test": 4}
    assert soundfile.info(folder / NOISE).frames <= 12 * SECONDS * RATE


def test_any_rate_any_number_of_channels_and_clipped_recordings_are_taken(sources):
    write(sources / "clean/aa0.wav", sound(1.3, 1, 44_100, 2), 44_100)
    write(sources / "clean/bb0.wav", sound(1.3, 2, 8000), 8000)
    write(sources / "clean/cc0.wav", np.sign(sound(1.3, 3)), subtype="FLOAT")
    write(sources / "noise/calm/0.flac", 3 * sound(10, 4, 48_000, 2).clip(-0.3, 0.3), 48_000)
    folder = partition(sources)
    assert not (folder / LEFT_OUT).exists()
    manifest = read_manifest(folder)
    assert {"aa0.wav", "bb0.wav", "cc0.wav"} <= set(manifest.speech_file)
    noisy, clean = StoredMixtures(folder, manifest)[range(len(manifest))]
    assert noisy.isfinite().all() and clean.abs().amax(1).min() > 0.05


def test_what_cannot_be_used_is_named_and_harms_no_other(sources):
    (sources / "clean/aa0.wav").write_bytes(b"RIFF no more")
    whole = (sources / "clean/aa1.wav").read_bytes()
    (sources / "clean/aa1.wav").write_bytes(whole[: len(whole) // 2])
    write(sources / "clean/bb0.wav", np.zeros(int(1.3 * RATE)))
    broken = sound(1.3, 5)
    broken[100] = np.nan
    write(sources / "clean/cc0.wav", broken, subtype="FLOAT")
    write(sources / "clean/dd0.wav", np.concatenate([sound(SECONDS, 6), np.zeros((int(0.8 * RATE), 1))]))
    folder = partition(sources)
    lines = left_out(folder)
    for name, reason in {
        "aa0.wav": "not readable as audio",
        "aa1.wav": "cut short",
        "bb0.wav": "found silence at 0 s, 0.5 s, 1 s",
        "cc0.wav": "not a finite number at second 0.006",
        "dd0.wav": "found silence at 0.5 s, 1 s",
    }.items():
        (line,) = (line for line in lines if line.startswith(f"clean/{name}: "))
        assert reason in line and str(sources) not in line
    assert len(lines) == 5 + 6
    assert set(read_manifest(folder).speech_file) == {"bb1.wav", "cc1.wav", "dd0.wav", "dd1.wav"}


def test_what_is_too_short_or_of_no_known_kind_is_told_with_a_count_and_changes_nothing(sources):
    first = partition(sources)
    for number, frames in enumerate((1, 1600, 7999)):
        write(sources / f"noise/calm/short{number}.wav", np.full(frames, np.nan), subtype="FLOAT")
        write(sources / f"clean/aashort{number}.wav", sound(0.2, number))
        (sources / f"clean/{number}.m4a").write_bytes(b"")
        shutil.copy(sources / "noise/calm/0.flac", sources / f"noise/{number}.flac")
    folder = partition(sources, "again")
    kinds = ".aif, .aiff, .flac, .mp3, .ogg, .opus, .w64, .wav"
    assert left_out(folder) == [
        "clean/aashort0.wav and 2 more: found less than 0.25 s; allowed: 0.25 s and more",
        f"clean/0.m4a and 2 more: found the suffix '.m4a'; allowed: {kinds}",
        "noise/0.flac and 2 more: found in no scene's folder; allowed: one sub-folder for each scene",
        "calm/short0.wav and 2 more: found less than 0.5 s; allowed: 0.5 s and more",
    ]
    for name in (MANIFEST, COUNTS, SPEECH, NOISE):
        assert (first / name).read_bytes() == (folder / name).read_bytes()


def test_short_recordings_beside_a_long_one_are_dealt_out_whole(sources):
    for number in range(20):
        write(sources / f"noise/calm/short{number:02}.wav", sound(SECONDS + 0.1 * (number % 3), [3, number]))
    manifest = read_manifest(partition(sources, speaker="^(.)"))
    assert not (sources / "data" / LEFT_OUT).exists()
    calm = manifest[manifest.scene == "calm"]
    assert (calm[calm.noise_file.str.contains("short")].groupby("noise_file").split.nunique() == 1).all()
    parts = noise_parts(
        [Recording("long", 60.0), *(Recording(f"{number}", 2.0) for number in range(20))],
        "(.+)", {"validation": 0.1, "test": 0.25}, 2.0, Stream(0),
    )  # fmt: skip
    assert {split: len(own) for split, own in parts.items()} == {"train": 1 + 13, "validation": 1 + 2, "test": 1 + 5}
    speech = [("a", ("x.wav", 0.0))] * 300
    used = {m.noise[0] for m in plan_scene("s", "train", speech, parts["train"], 2.0, [0, 5], 0, Stream(0))}
    assert len(used) == 14
    few = noise_parts(
        [Recording("long", 60.0), Recording("2", 2.0)], "(.+)", {"validation": 0.1, "test": 0.25}, 2.0, Stream(0)
    )
    assert few["train"][1:] == [("2", 0.0, 2.0)] and len(few["test"]) == 1


def test_how_many_mixtures_a_scene_has_in_each_split_is_told_and_tabulated(sources):
    for scene in SCENES:
        (sources / f"noise/{scene}/1.flac").unlink()
    whole = pd.read_csv(partition(sources) / COUNTS).set_index(["scene", "split"])
    assert (whole.planned == whole.mixtures).all() and whole.mixtures["calm", "train"] == 12
    spoilt = sound(10, 4)
    spoilt[int(8.9 * RATE) :] = 0
    write(sources / "noise/calm/0.flac", spoilt)
    folder = partition(sources, "again")
    counts, manifest = pd.read_csv(folder / COUNTS), read_manifest(folder)
    there = manifest.groupby(["scene", "split"]).size()
    assert counts.set_index(["scene", "split"]).mixtures.to_dict() == there.to_dict()
    files = manifest.groupby(["scene", "split"]).speech_file.nunique()
    assert counts.set_index(["scene", "split"]).speech_files.to_dict() == files.to_dict()
    _, counted = left_out(folder)
    assert 0 < there["calm", "test"] < 6
    assert counted == (
        f"scene calm, test: found {there['calm', 'test']} mixtures; planned: 6; "
        "the sounds of the others could not be used"
    )


@pytest.mark.parametrize(
    ("spoil", "changes", "told"),
    [
        (lambda at: None, {"noise": ""}, "partition.clean and partition.noise: found one without the other"),
        (lambda at: None, {"snr": [5.0, 1.0]}, r"found snr \[5.0, 1.0\]"),
        (lambda at: None, {"clean": "nowhere"}, "partition.clean: found 'nowhere', which is no folder"),
        (lambda at: None, {"clean": "$NO_SUCH/speech"}, "that environment variable is not set"),
        (lambda at: (at / "clean").rename(at / "gone") and (at / "clean").mkdir(), {}, "found no audio file"),
        (lambda at: (at / "noise/empty").mkdir(), {}, "scene empty: found no audio file that can be used"),
        (lambda at: (at / "noise/calm").rename(at / "gone"), {}, r"found 1 sub-folder\(s\)"),
        (lambda at: None, {"speaker": "^("}, "is not a regular expression"),
        (lambda at: None, {"speaker": "^.."}, "allowed: an expression with a group"),
        (lambda at: None, {"speaker": "(b.)"}, r"partition\.speaker: .* finds no name in 'aa0\.wav'"),
        (lambda at: None, {"speaker": "()"}, "finds no name in"),
        (lambda at: None, {"speaker": "(wav)"}, r"finds 1 name\(s\), such as 'wav'; allowed: 3 and more"),
        (lambda at: None, {"seconds": 2.0}, r"partition\.place: .* finds 2 name\(s\), such as 'calm/0\.flac';"),
        (lambda at: None, {"seconds": 2.0, "place": "["}, r"partition\.place: '\[' is not a regular expression"),
        (cut_short, {"seconds": 2.0}, r"scene calm: .*; calm/0\.flac and 1 more: found less than 2 s; allowed: 2 s"),
        (lambda at: None, {"seconds": 3.0}, r"partition\.clean: .*; clean/aa0\.wav and 7 more: found less than 1\.5 s"),
        (lambda at: [write(f, sound(0.2, 1)) for f in at.glob("clean/[ab]*")], {}, r"partition\.speaker: .* finds 2 n"),
        (lambda at: [write(f, np.zeros(9 * RATE)) for f in at.glob("noise/calm/*")], {}, "found silence at"),
    ],
)  # fmt: skip
def test_what_makes_no_data_set_is_told_in_one_line(sources, spoil, changes, told, monkeypatch):
    monkeypatch.delenv("NO_SUCH", raising=False)
    spoil(sources)
    with pytest.raises((DataError, SettingsError), match=told) as caught:
        partition(sources, **changes)
    assert "\n" not in str(caught.value)


def test_the_embedded_sounds_are_called_synthetic(tmp_path):
    SpeechScenes.partition(tmp_path)
    manifest = pd.read_csv(tmp_path / MANIFEST)
    assert sorted(manifest.scene.unique()) == [f"synthetic {kind}" for kind in ("indoor", "outdoor", "transportation")]
    assert SpeechScenes(tmp_path).protocol == "enhancement of synthetic sounds"
    noisy, clean = StoredMixtures(tmp_path, manifest)[range(9)]
    assert clean.abs().amax(1).min() > 0.01 and not torch.allclose(noisy, clean)
