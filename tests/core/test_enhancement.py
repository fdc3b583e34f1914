"""A recording enhanced in stretches is what the network makes of the whole, and a file appears whole or not at all."""

import numpy as np
import pytest
import soundfile
import torch
from described_tickets import described_as
from torchaudio.functional import resample
from typer.testing import CliRunner

from flows.command_line.app import app
from rtl_core.description.about import Usage
from rtl_core.description.architecture import SpeechNetwork
from rtl_core.description.decision import Speech
from rtl_core.description.preprocessing import Sound
from rtl_core.errors import RtlError, SettingsError
from rtl_core.masks import Masks
from rtl_core.networks.initialisation import initialise
from rtl_core.networks.small_cnn import small_cnn
from rtl_core.networks.speech_unet import RATE, SpeechUNet
from rtl_core.problem import Objective
from rtl_core.problems.speech.audio_file import AudioFacts
from rtl_core.problems.speech.audio_writing import AudioFormat, format_of, write_audio
from rtl_core.problems.speech.enhancement import MARGIN, STRETCH, enhanced
from rtl_core.randomness import Stream
from rtl_core.ticket_file import masks_to_bytes, tickets_to_bytes
from rtl_core.tickets import finish_tickets
from rtl_core.use.speech import speech_network
from rtl_core.use.tickets_in_use import TicketsInUse
from rtl_core.weights import FlatWeights

SCENES = ("indoor", "outdoor")


def drawn(seed):
    return torch.Generator().manual_seed(seed)


def sounds(channels, length):
    """Noise that swells and fades, so that its level is nowhere that of the whole."""
    swell = 0.02 + 0.1 * torch.linspace(0, 9, length).sin().square()
    return swell * torch.randn(channels, length, generator=drawn(length))


def tickets_of(network, names, hear):
    """Tickets with random masks that cover half of the weights, and with statistics of sounds of their own."""
    weights = FlatWeights(network, [name for name, part in network.named_parameters() if part.ndim == 4])
    masks = Masks(weights.layout, torch.rand(len(names), weights.layout.size, generator=drawn(1)) < 0.5)
    objectives = [
        Objective(name, lambda generator: [torch.randn(hear, generator=generator)], 1, lambda net, batch: net(batch))
        for name in names
    ]
    return finish_tickets(weights, masks, objectives, Stream(0))


def speech_tickets(*names, contexts=()):
    usage = Usage(SpeechNetwork(precision="float32"), Sound(rate=RATE), Speech())
    return described_as(tickets_of(SpeechUNet(drawn(0)), names, (2, RATE)), usage, contexts)


def network_for(tickets, scene):
    return speech_network(TicketsInUse.of(tickets, "x", device="cpu"), scene)


@pytest.fixture(scope="module")
def rtl():
    return speech_tickets(*SCENES)


@pytest.fixture(scope="module")
def network(rtl):
    return network_for(rtl, "outdoor")


@pytest.fixture(scope="module")
def files(rtl):
    """Ticket files, two of them no good for sounds."""
    return {
        "rtl": tickets_to_bytes(rtl),
        "masks": masks_to_bytes(rtl.subsets, rtl.masks),
        "single": tickets_to_bytes(speech_tickets("all", contexts=SCENES)),
        "pictures": tickets_to_bytes(tickets_of(initialise(small_cnn(1, 2), drawn(0)), SCENES, (2, 1, 8, 8))),
    }


@pytest.fixture
def folder(files, tmp_path, monkeypatch):
    """Where the command runs: those files, a recording, and one that is no good."""
    monkeypatch.chdir(tmp_path)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    recording(tmp_path / "in.wav", sounds(2, 52_000), 44_100)
    recording(tmp_path / "nan.wav", torch.full((1, 1000), torch.nan), RATE)
    return tmp_path


def recording(path, signal, rate):
    soundfile.write(path, signal.T.numpy(), rate, "FLOAT")
    return path


def samples_of(path):
    return torch.from_numpy(soundfile.read(path, dtype="float32", always_2d=True)[0].T)


def joined(blocks):
    return torch.cat(list(blocks), dim=1)


def run(*arguments):
    return CliRunner().invoke(app, ["enhance", *arguments])


@pytest.mark.parametrize("length", [1, 300, STRETCH + 1, STRETCH + MARGIN, 25 * RATE + 77])
@torch.inference_mode()
def test_stretches_side_by_side_are_the_network_on_the_whole_signal(tmp_path, network, length):
    signal = sounds(1, length)
    found = joined(enhanced(network, recording(tmp_path / "x.wav", signal, RATE)))
    whole = network(signal)
    assert not torch.allclose(whole, signal, atol=1e-3)
    assert torch.allclose(found, whole, atol=1e-6)


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000])
@torch.inference_mode()
def test_each_channel_is_enhanced_by_itself_and_comes_back_at_its_rate(tmp_path, network, rate):
    signal = sounds(2, 12 * rate + 1) * torch.tensor([[1.0], [0.01]])
    found = joined(enhanced(network, recording(tmp_path / "x.wav", signal, rate)))
    alone = torch.cat([network(channel) for channel in resample(signal, rate, RATE).split(1)])
    assert found.shape == signal.shape
    assert torch.allclose(found, resample(alone, RATE, rate)[:, : signal.shape[1]], atol=1e-6)


def test_what_the_network_hears_at_a_time_does_not_grow_with_the_recording(tmp_path):
    heard = []

    class Watched(SpeechUNet):
        def mask(self, spectrogram):
            heard.append(tuple(spectrogram.shape))
            return torch.stack([torch.ones_like(spectrogram[:, 0]), torch.zeros_like(spectrogram[:, 0])], dim=1)

    signal = sounds(2, 50 * RATE)
    found = joined(enhanced(Watched(drawn(0)).eval(), recording(tmp_path / "x.wav", signal, RATE)))
    assert torch.allclose(found, signal, atol=1e-6)
    assert len(heard) == 2 * 5
    assert {shape[0] for shape in heard} == {1}
    assert max(shape[2] for shape in heard) == 1 + (STRETCH + 2 * MARGIN) // 256


def test_silence_stays_silent_and_loud_samples_stay_loud(tmp_path, network):
    assert torch.equal(
        joined(enhanced(network, recording(tmp_path / "x.wav", torch.zeros(1, 30_000), 22_050))), torch.zeros(1, 30_000)
    )
    quiet, loud = (
        joined(enhanced(network, recording(tmp_path / "x.wav", factor * sounds(1, 30_000), RATE)))
        for factor in (1, 100)
    )
    assert loud.abs().max() > 1 and torch.allclose(loud, 100 * quiet, rtol=1e-4, atol=1e-4)


def test_a_scene_is_named_where_the_file_holds_several():
    several, one, single = speech_tickets(*SCENES), speech_tickets("indoor"), speech_tickets("all", contexts=SCENES)
    indoor, outdoor = (network_for(several, scene).encoder[0].weight for scene in SCENES)
    assert not torch.equal(indoor, outdoor)
    weight = several.network(1, SpeechUNet(drawn(2))).encoder[0].weight
    assert torch.equal(outdoor, weight)
    for tickets, scene in [(one, None), (one, "indoor"), (single, None), (single, "indoor")]:
        assert not network_for(tickets, scene).training
    for tickets, scene, told in [
        (several, None, "context: found none; allowed with x: indoor, outdoor"),
        (several, "Indoor", "context: found 'Indoor'; allowed with x: indoor, outdoor"),
        (one, "outdoor", "context: found 'outdoor'; allowed with x: indoor"),
        (single, "all", "context: found 'all'; allowed with x: indoor, outdoor"),
    ]:
        with pytest.raises(SettingsError) as problem:
            network_for(tickets, scene)
        assert str(problem.value) == told


@pytest.mark.parametrize("out", ["out.wav", "out.flac", "out.OGG", "out.aiff", "in.wav"])
def test_the_command_keeps_rate_channels_and_length(folder, network, out):
    expected = joined(enhanced(network, folder / "in.wav"))
    done = run("rtl", "--scene", "outdoor", "in.wav", out)
    assert done.exit_code == 0, done.exception
    facts = soundfile.info(folder / out)
    told = f"{out}: 1.2 s at 44100 Hz, 2 channels, {facts.subtype_info}; real-time factor "
    assert done.stdout.startswith(told) and "scaled" not in done.stdout
    assert (facts.samplerate, facts.channels, facts.frames) == (44_100, 2, 52_000)
    if facts.subtype != "VORBIS":
        assert facts.subtype == ("PCM_24" if facts.format == "FLAC" else "FLOAT")
        assert torch.allclose(samples_of(folder / out), expected, atol=2**-23)
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize(
    ("source", "out", "samples"),
    [
        ("PCM_16", "out.wav", "PCM_16"),
        ("PCM_24", "out.wav", "PCM_24"),
        ("PCM_24", "out.flac", "PCM_24"),
        ("PCM_24", "out.ogg", "VORBIS"),
        ("PCM_U8", "out.wav", "PCM_16"),
        ("DOUBLE", "out.aiff", "DOUBLE"),
        ("FLOAT", "out.opus", "OPUS"),
    ],
)
def test_samples_keep_their_bits_where_the_file_has_them(folder, source, out, samples):
    soundfile.write(folder / "own.wav", sounds(1, 4800).T.numpy(), 48_000, source)
    done = run("single", "own.wav", out)
    assert done.exit_code == 0, done.exception
    facts = soundfile.info(folder / out)
    assert (facts.subtype, facts.samplerate, facts.frames) == (samples, 48_000, 4800)


@pytest.mark.parametrize("out", ["out.wav", "out.flac"])
def test_samples_beyond_one_stay_or_are_scaled_with_a_word(folder, network, out):
    recording(folder / "loud.wav", 30 * sounds(1, 20_000), RATE)
    expected = joined(enhanced(network, folder / "loud.wav"))
    peak = float(expected.abs().max())
    assert peak > 1
    done = run("rtl", "--scene", "outdoor", "loud.wav", out)
    scaled = f"; scaled by {1 / peak:.3g}, as its peak was {peak:.3g} and such samples end at 1"
    assert done.stdout.strip().endswith(scaled) == (out == "out.flac")
    wanted = expected / peak if out == "out.flac" else expected
    assert torch.allclose(samples_of(folder / out), wanted, atol=2**-22)


def test_predicting_with_a_file_of_speech_is_enhancing(folder):
    assert run("rtl", "--scene", "outdoor", "in.wav", "one.wav").exit_code == 0
    done = CliRunner().invoke(app, ["predict", "rtl", "in.wav", "--context", "outdoor", "--out", "other.wav"])
    files = folder / "one.wav", folder / "other.wav"  # floats stand with the second at which they were written
    one, other = ((soundfile.info(file), samples_of(file)) for file in files)
    assert done.exit_code == 0 and torch.equal(one[1], other[1])
    assert (one[0].samplerate, one[0].subtype) == (other[0].samplerate, other[0].subtype)
    for arguments, told in (
        ([], "INPUT: found 0; allowed: one recording"),
        (["in.wav"], "--out: found none; allowed:"),
    ):
        refused = CliRunner().invoke(app, ["predict", "rtl", *arguments, "--context", "outdoor"])
        assert str(refused.exception).startswith(told)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere", "in.wav", "out.wav"], "nowhere: no such file"),
        (["in.wav", "in.wav", "out.wav"], "in.wav: not a complete ticket file"),
        (["masks", "in.wav", "out.wav"], "masks: found format 'rtl-masks/1', expected 'rtl-tickets/2'"),
        (
            ["pictures", "in.wav", "out.wav"],
            "pictures: enhances no speech; allowed: ticket files of the problem Speech",
        ),
        (["rtl", "in.wav", "out.wav"], "context: found none; allowed with rtl: indoor, outdoor"),
        (["single", "nowhere.wav", "out.wav"], "nowhere.wav: no such file"),
        (["single", "rtl", "out.wav"], "rtl: not readable as audio"),
        (["single", "nan.wav", "out.wav"], "nan.wav: found a sample that is not a finite number at second 0.000"),
        (["single", "in.wav", "out.txt"], "out.txt: found the suffix '.txt'; allowed: .wav, .flac, .ogg, .opus"),
        (["single", "in.wav", "out"], "out: found the suffix ''; allowed: .wav, .flac, .ogg, .opus"),
        (["single", "in.wav", "out.opus"], "out.opus: cannot be written at 44100 Hz with 2 channel(s) ("),
        (["single", "in.wav", "nowhere/out.wav"], "nowhere/out.wav: cannot be written (No such file or directory)"),
        (["single", "nan.wav", "in.wav"], "nan.wav: found a sample that is not a finite number at second 0.000"),
    ],
)
def test_what_cannot_be_enhanced_is_told_in_one_line_and_changes_no_file(folder, arguments, told):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    done = run(*arguments)
    assert isinstance(done.exception, RtlError) and done.exit_code == 1
    assert str(done.exception).startswith(told) and "\n" not in str(done.exception)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_format_that_has_no_such_rate_is_told_in_one_line(folder):
    recording(folder / "fast.wav", sounds(1, 9_600), 96_000)
    done = run("single", "fast.wav", "out.mp3")
    assert str(done.exception).startswith("out.mp3: cannot be written at 96000 Hz with 1 channel(s) (")
    assert not [path for path in folder.iterdir() if "out" in path.name]


def test_a_wave_file_beyond_four_gigabytes_has_longer_numbers(tmp_path):
    hours, larger = (AudioFacts(48_000, 2, 48_000 * 3600 * h, kind) for h, kind in ((7, "PCM_16"), (4, "FLOAT")))
    assert {format_of(tmp_path / "x.wav", facts).container for facts in (hours, larger)} == {"RF64"}
    assert format_of(tmp_path / "x.flac", hours) == ("FLAC", "PCM_16")
    short = AudioFacts(48_000, 2, 9, "PCM_16")
    assert format_of(tmp_path / "x.wav", short) == ("WAV", "PCM_16")
    write_audio(tmp_path / "x.wav", AudioFormat("RF64", "PCM_16"), short, [torch.full((2, 9), 0.5)], "x")
    assert np.array_equal(samples_of(tmp_path / "x.wav"), np.full((2, 9), 0.5))


def test_a_long_block_makes_an_ogg_file(tmp_path):
    long = AudioFacts(48_000, 2, 3_000_000, "VORBIS")
    write_audio(tmp_path / "x.ogg", AudioFormat("OGG", "VORBIS"), long, [torch.zeros(2, long.frames)], "x")
    assert soundfile.info(tmp_path / "x.ogg").frames == long.frames
