"""Tickets that take the noise off speech do so as an ONNX graph too, on signals of any number and length."""

from collections import Counter

import pytest
import torch
from drawn_tickets import drawn_in_use
from exported_once import exported_once

from rtl_core.errors import DataError, SettingsError
from rtl_core.networks import speech_unet
from rtl_core.one_network import as_one_network
from rtl_core.problems.speech.scores import si_snr_improvement
from rtl_core.problems.speech_scenes import SpeechScenes
from rtl_core.use.export import onnx_model, spectrum
from rtl_core.use.export.comparison import Session
from rtl_core.use.export.cost import check_truth
from rtl_core.use.export.exporting import exported_graph
from rtl_core.use.export.onnx_model import MOST, to_onnx

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytestmark = pytest.mark.usefixtures("onnx_operators", "once")
FIRST, OUTDOOR = "synthetic indoor", "synthetic outdoor"


@pytest.fixture(scope="module")
def once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_model, "exported_graph", exported_once(exported_graph))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    SpeechScenes.partition(folder, seconds=0.5, mixtures=[2, 2, 2])
    return folder


@pytest.fixture(scope="module")
def tickets(folder):
    return drawn_in_use(SpeechScenes(folder, device="cpu", perceptual=[]))


@pytest.fixture(scope="module")
def joint(tickets, once):
    return to_onnx(tickets)


@pytest.fixture(scope="module")
def single(folder):
    """Of one network for all scenes that trains in half precision."""
    problem = SpeechScenes(folder, device="cpu", perceptual=[], precision="bfloat16")
    return drawn_in_use(as_one_network(problem))


def sounds(count, length):
    """Noise from −1 to 1, each signal at a level of its own; the last is silent, where there are several."""
    levels = torch.linspace(1, 0, count)[:, None]
    return levels * (2 * torch.rand(count, length, generator=torch.Generator().manual_seed(length)) - 1)


def check(tickets, exported, context, sizes=((1, 1), (1, 300), (2, 4096), (9, 9001))):
    session = Session(exported.model, exported.contexts)
    for size in sizes:
        noisy = sounds(*size)
        expected, said = tickets.predict(noisy, context).values, session.run(noisy, context)
        assert said.shape == size and said.dtype == torch.float32
        assert said.allclose(expected, rtol=0, atol=MOST)


@pytest.mark.parametrize("length", [1, 255, 256, 1023, 16_000])
def test_its_transforms_are_those_of_torch(length):
    noisy = sounds(2, length)
    expected = speech_unet.spectrogram_of(noisy)
    assert spectrum.spectrogram_of(noisy).allclose(expected, rtol=0, atol=MOST)
    masked = expected * torch.rand(expected.shape, generator=torch.Generator().manual_seed(1))
    enhanced = speech_unet.signals_of(masked, length)
    assert spectrum.signals_of(masked, length).allclose(enhanced, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_one_graph_of_all_scenes_is_each_of_them_on_signals_of_any_length(tickets, joint):
    assert joint.contexts == tickets.contexts and len(joint.contexts) > 1 and joint.difference <= MOST
    for name in tickets.contexts:
        check(tickets, joint, name)
    session, noisy = Session(joint.model, joint.contexts), sounds(2, 5000)
    one, other = (session.run(noisy, name) for name in tickets.contexts[:2])
    assert not one.allclose(other, rtol=0, atol=1e-3)


def test_a_graph_says_what_it_takes_and_computes_its_transforms_itself(joint):
    graph = onnx.load_from_string(joint.model).graph
    assert [given.name for given in graph.input] == ["inputs", "context"]
    sizes = [side.dim_param for value in (graph.input[0], *graph.output) for side in value.type.tensor_type.shape.dim]
    assert sizes == ["N", "L", "N", "L"] and [value.name for value in graph.output] == ["signals"]
    assert sum(torch.tensor(tensor.dims).prod() for tensor in graph.initializer) < 60_000


@pytest.mark.parametrize("smaller", [pytest.param("half", marks=pytest.mark.slow), "int8"])
def test_smaller_weights_say_what_they_cost_in_the_score_of_speech(single, smaller):
    clean = sounds(3, 6000)[:2].cumsum(1)
    noisy = clean + clean.std() * sounds(3, 6000)[1:].flip(1)
    exported = to_onnx(single, FIRST, smaller=smaller, inputs=noisy, labels=clean)
    cost, enhanced = exported.cost, Session(exported.model, exported.contexts).run(noisy, FIRST)
    by_torch = single.predict(noisy, FIRST).values
    largest = (enhanced - by_torch).abs().max().item() / max(1.0, by_torch.abs().max().item())
    assert 0 < cost.difference == pytest.approx(largest) and len(exported.model) < cost.float32_bytes
    assert cost.score[0] == cost.torch_score[0] == "SI-SNR in dB"
    gained = si_snr_improvement(by_torch, clean, enhanced).mean().item()
    assert gained and cost.score[1] - cost.torch_score[1] == pytest.approx(gained, abs=1e-4)
    kinds = Counter(node.op_type for node in onnx.load_from_string(exported.model).graph.node)
    if smaller == "int8":  # the encoder's; the transform computes its own weights
        assert kinds["ConvInteger"] == len(speech_unet.ENCODER) and kinds["Conv"] == 1


@pytest.mark.slow
def test_so_does_one_network_for_all_scenes_that_trains_in_half_precision(single):
    whole = to_onnx(single)
    assert [given.name for given in onnx.load_from_string(whole.model).graph.input] == ["inputs"]
    check(single, whole, OUTDOOR)


@pytest.mark.parametrize(
    ("arguments", "error", "line"),
    [
        ({"smaller": "int8"}, SettingsError, "int8: found several contexts; allowed: one (context=…, --context)"),
        ({"inputs": torch.zeros(9)}, DataError, "x: inputs: found [9] float32; allowed: [N, L] float32, as trained"),
        ({"context": "indoors"}, SettingsError, "context: found 'indoors'; allowed with x: synthetic indoor"),
    ],
)
def test_what_is_not_offered_is_one_line(tickets, arguments, error, line):
    with pytest.raises(error) as raised:
        to_onnx(tickets, **arguments)
    assert line in str(raised.value) and len(str(raised.value).splitlines()) == 1


def test_clean_signals_are_of_the_same_length(tickets):
    with pytest.raises(DataError, match=r"labels: found \[1, 901\] torch.float32; allowed: values \[1, 900\]"):
        check_truth(tickets.about.decision, [OUTDOOR], sounds(1, 900), sounds(1, 901))
