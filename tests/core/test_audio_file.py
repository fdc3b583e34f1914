"""An audio file read in blocks is the whole file, or one line says what is wrong with it."""

import numpy as np
import pytest
import soundfile
import torch
from torchaudio.functional import resample

from rtl_core.errors import DataError
from rtl_core.problems.speech.audio_file import AudioFacts, facts_of, read_blocks, resampled, with_context

RATES = (8_000, 11_025, 22_050, 44_100, 48_000)
SPEECH = 16_000


def noise(channels, frames):
    return 0.1 * torch.randn(channels, frames, generator=torch.Generator().manual_seed(frames))


def written(path, signal, rate, subtype="FLOAT"):
    soundfile.write(path, signal.T.numpy(), rate, subtype)
    return path


def joined(blocks):
    return torch.cat(list(blocks), dim=1)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("seconds", [0.0001, 0.3, 10, 23.37])
def test_blocks_at_another_rate_are_the_whole_signal_at_that_rate_there_and_back(tmp_path, rate, seconds):
    signal = noise(2, max(1, int(seconds * rate)))
    path = written(tmp_path / "x.wav", signal, rate)
    assert facts_of(path) == AudioFacts(rate, 2, signal.shape[1], "FLOAT")
    there = joined(read_blocks(path, SPEECH))
    assert there.shape == (2, -(-signal.shape[1] * SPEECH // rate)) and there.dtype == torch.float32
    assert torch.allclose(there, resample(signal, rate, SPEECH), atol=1e-6)
    back = joined(resampled(read_blocks(path, SPEECH), SPEECH, rate))
    assert torch.allclose(back, resample(there, SPEECH, rate), atol=1e-6)
    assert back.shape[1] >= signal.shape[1]


def test_blocks_at_the_rate_of_the_file_are_its_samples_and_never_long(tmp_path):
    signal = noise(3, 31 * SPEECH + 5)
    blocks = list(read_blocks(written(tmp_path / "x.wav", signal, SPEECH), SPEECH))
    assert torch.equal(joined(blocks), signal)
    assert max(block.shape[1] for block in blocks) == 10 * SPEECH and all(block.is_contiguous() for block in blocks)


@pytest.mark.parametrize("length", [1, 9, 10, 11, 13, 14, 20, 23, 24, 47])
@pytest.mark.parametrize("block", [1, 4, 50])
def test_stretches_cover_a_signal_once_with_all_the_context_there_is(length, block):
    signal, size, margin = torch.arange(float(length))[None], 10, 4
    start = 0
    for piece, inside in with_context(signal.split(block, dim=1), size, margin):
        stop = min(start + size, length)
        assert torch.equal(piece[:, inside], signal[:, start:stop])
        assert torch.equal(piece, signal[:, max(0, start - margin) : stop + margin])
        start = stop
    assert start == length


def altered(content, place, replacement):
    return content[:place] + replacement + content[place + len(replacement) :]


def test_what_cannot_be_read_is_told_in_one_line_that_begins_with_its_name(tmp_path):
    wave = written(tmp_path / "whole.wav", noise(1, 40_000), SPEECH, "PCM_16").read_bytes()
    flac = written(tmp_path / "whole.flac", noise(1, 400_000), SPEECH, "PCM_16").read_bytes()
    bad = {
        "text.wav": (b"speech" * 99, "not readable as audio"),
        "empty.wav": (b"", "not readable as audio"),
        "samples.raw": (wave, "not readable as audio"),
        "cut.wav": (wave[:-1000], "cut short: found 79000 of the 80000 bytes"),
        "cut.flac": (flac[: len(flac) * 3 // 4], "not readable after second 10"),
        "rate-0.wav": (altered(wave, 24, bytes(4)), "not readable as audio"),
        "rate-high.wav": (altered(wave, 24, b"\xff\xff\xff\x7f"), "found 2147483647 samples per second"),
        "rate-odd.wav": (altered(wave, 24, (15_991).to_bytes(4, "little")), "found 15991 samples per second"),
        "channels.wav": (altered(wave, 22, b"\x41\x00"), "found 65 channels; allowed: 1 to 64"),
    }
    for name, (content, reason) in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError) as told:
            joined(read_blocks(tmp_path / name, SPEECH, name))
        assert str(told.value).startswith(f"{name}: ") and reason in str(told.value) and "\n" not in str(told.value)
    with pytest.raises(DataError, match=r"/cut\.wav: cut short"):
        facts_of(tmp_path / "cut.wav")
    with pytest.raises(DataError, match=r"/nowhere\.wav: no such file"):
        facts_of(tmp_path / "nowhere.wav")
    with pytest.raises(DataError, match="holds no samples"):
        facts_of(written(tmp_path / "none.wav", torch.zeros(1, 0), SPEECH))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_sample_that_is_no_number_is_told_with_its_second(tmp_path, value):
    signal = noise(2, 12 * SPEECH)
    signal[1, 11 * SPEECH + 8000] = value
    with pytest.raises(DataError, match=r"not a finite number at second 11\.500"):
        joined(read_blocks(written(tmp_path / "x.wav", signal, SPEECH), 8_000))


def test_a_file_whose_length_was_unknown_when_it_was_begun_is_read_to_its_end(tmp_path):
    signal = noise(1, 40_000)
    content = written(tmp_path / "x.wav", signal, SPEECH, "PCM_16").read_bytes()
    unknown = altered(altered(content, 4, b"\xff" * 4), content.index(b"data") + 4, b"\xff" * 4)
    (tmp_path / "x.wav").write_bytes(unknown)
    assert torch.allclose(joined(read_blocks(tmp_path / "x.wav", SPEECH)), signal, atol=1e-4)
