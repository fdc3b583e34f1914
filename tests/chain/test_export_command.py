"""A ticket file becomes an ONNX file, in one command, or nothing does."""

import json

import numpy as np
import pytest
from drawn_tickets import drawn_in_use
from exported_once import exported_once
from typer.testing import CliRunner

from flows.command_line.app import app
from rtl_core import load, save
from rtl_core.errors import RtlError
from rtl_core.problems.images.stored_images import load_images
from rtl_core.problems.speech_scenes import SpeechScenes
from rtl_core.use.export import onnx_model
from rtl_core.use.export.exporting import exported_graph

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
pytestmark = pytest.mark.usefixtures("onnx_operators", "once")
PLACE = "seed-0/sparsity-40"


@pytest.fixture(scope="module")
def once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_model, "exported_graph", exported_once(exported_graph))
        yield


@pytest.fixture
def here(one_level, tmp_path, monkeypatch):
    tickets = one_level.folder / f"artifacts/digits/tickets/rtl/{PLACE}.safetensors"
    (tmp_path / "rtl.safetensors").write_bytes(tickets.read_bytes())
    test = load_images(one_level.folder / "data/digits").splits["test"]
    np.save(tmp_path / "images.npy", test.images[:50].numpy())
    np.save(tmp_path / "labels.npy", test.labels[:50].numpy())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["export", *arguments])


def test_one_file_says_in_each_context_what_the_tickets_do(here):
    done = run("rtl.safetensors", "--onnx", "out.onnx", "--half", "--inputs", "images.npy", "--labels", "labels.npy")
    assert done.exit_code == 0, done.exception
    assert "out.onnx: 10 contexts, " in done.output and "balanced accuracy" in done.output
    session = onnxruntime.InferenceSession("out.onnx")
    told = session.get_modelmeta().custom_metadata_map
    tickets, images = load("rtl.safetensors", device="cpu"), np.load("images.npy")
    assert json.loads(told["contexts"]) == list(tickets.contexts)
    assert json.loads(told["thresholds"]) == tickets.about.decision.thresholds
    for number, name in enumerate(tickets.contexts):
        (said,) = session.run(["probability"], {"inputs": images, "context": np.array(number)})
        assert np.abs(said - tickets.predict(images, name).probabilities.numpy()).max() < 0.01


def test_so_does_one_of_speech(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    SpeechScenes.partition(tmp_path, seconds=0.5, mixtures=[2, 2, 2])
    save(drawn_in_use(SpeechScenes(tmp_path, device="cpu", perceptual=[])), "speech.safetensors")
    done = run("speech.safetensors", "--onnx", "speech.onnx")
    assert done.exit_code == 0, done.exception
    session, tickets = onnxruntime.InferenceSession("speech.onnx"), load("speech.safetensors", device="cpu")
    noisy = np.random.default_rng(0).uniform(-1, 1, (2, 3000)).astype(np.float32)
    for number, name in enumerate(tickets.contexts):
        (said,) = session.run(["signals"], {"inputs": noisy, "context": np.array(number)})
        assert np.abs(said - tickets.predict(noisy, name).values.numpy()).max() < 1e-4


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--onnx", "out.onnx", "--context", "cat"], "context: found 'cat'; allowed with rtl.safetensors: digit 0"),
        (["--onnx", "out.txt"], "out.txt: found the suffix '.txt'; allowed: .onnx"),
        (["--onnx", "out.onnx", "--half", "--int8"], "--half and --int8: found both; allowed: one of them"),
        (["--onnx", "out.onnx", "--int8"], "int8: found several contexts; allowed: one"),
        (["--onnx", "images.npy/out.onnx", "--inputs", "images.npy"], "images.npy/out.onnx: cannot be written"),
    ],
)
def test_what_cannot_be_exported_is_one_line_and_writes_nothing(here, arguments, line):
    before = {path.name for path in here.iterdir()}
    done = run("rtl.safetensors", *arguments)
    assert isinstance(done.exception, RtlError) and line in str(done.exception)
    assert len(str(done.exception).splitlines()) == 1
    assert {path.name for path in here.iterdir()} == before


def test_a_comparison_that_fails_leaves_no_file(here, monkeypatch):
    monkeypatch.setattr(onnx_model, "MOST", -1.0)
    done = run("rtl.safetensors", "--onnx", "out.onnx", "--inputs", "images.npy")
    assert isinstance(done.exception, RtlError) and "the graph differs from torch by" in str(done.exception)
    assert not (here / "out.onnx").exists()
