"""What is measured of a ticket file: every way serves what the tickets say, and its bytes are those that it takes."""

import sys
from dataclasses import replace

import pytest
import torch
from drawn_tickets import drawn_tickets
from small_contexts import NAMES, mlp, regression

from rtl_core import load, save
from rtl_core.describing import described
from rtl_core.errors import TicketFileError
from rtl_core.inference_benchmark import BATCHES, inference_benchmark
from rtl_core.one_network import as_one_network
from rtl_core.problems.image_regions import ImageRegions
from rtl_core.problems.speech_scenes import SpeechScenes
from rtl_core.serving_ways import DENSE, GRAPH, GRAPH_OF_ONE, NETWORKS, PREDICT, TICKETS, bytes_of, ways_of
from rtl_core.use.export.comparison import drawn_inputs
from rtl_core.use.storage import storage_of
from rtl_core.use.tickets_in_use import TicketsInUse

IN_TORCH = {TICKETS, PREDICT, DENSE}


@pytest.fixture
def no_onnxruntime(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr("rtl_core.inference_benchmark.LEAST_SECONDS", 0.0)
    monkeypatch.setattr("rtl_core.inference_benchmark.TURNS", 1)


@pytest.fixture(scope="module")
def path(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "digits.safetensors"
    save(described(drawn_tickets(digits), digits, "rtl", 0.5, 0, []), path)
    return path


def in_use(problem, allow=()):
    """Tickets of a problem that were never trained, as they are read from their file."""
    return TicketsInUse.of(described(drawn_tickets(problem), problem, "rtl", 0.5, 0, []), "x", allow, "cpu")


def ways_on(tickets):
    inputs = drawn_inputs(tickets.about.preprocessing, 3)
    return *ways_of(tickets, 1, storage_of(tickets), inputs[:1], lambda line: None), inputs


def check_measured(measured, ways):
    assert measured["ways"].keys() == ways
    for name, way in measured["ways"].items():
        assert way["disk_bytes"] > 0 and way["memory_bytes"] >= 0
        assert way["batches"].keys() == {str(batch) for batch in BATCHES}
        for batch, one in way["batches"].items():
            low, high = one["ratio_quartiles"]
            assert 0 < low <= one["ratio"] <= high and one["ms_per_example"] == one["ms"] / int(batch) > 0
            assert name != DENSE or low == one["ratio"] == high == 1


@pytest.mark.slow
def test_every_way_is_measured_and_bytes_on_disk_are_the_files(path, request):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    request.getfixturevalue("onnx_operators")
    size, told = path.stat().st_size, []
    measured = inference_benchmark(load(path), size, told.append)
    check_measured(measured, {*IN_TORCH, NETWORKS, GRAPH, GRAPH_OF_ONE})
    ways = measured["ways"]
    assert not measured["absent"] and "measuring, turn 1 of 1" in told
    assert ways[TICKETS]["disk_bytes"] == ways[PREDICT]["disk_bytes"] == size
    assert [name for name, way in ways.items() if way["switch_ms"]] == [TICKETS, NETWORKS]
    assert {name: way["contexts"] for name, way in ways.items() if way["contexts"] != 10} == {DENSE: 1, GRAPH_OF_ONE: 1}
    assert ways[GRAPH]["memory_bytes"] > 0


def test_every_way_says_what_the_tickets_do_and_switching_changes_it(path, no_onnxruntime):
    tickets = load(path, device="cpu")
    ways, _, inputs = ways_on(tickets)
    for name in ("digit 3", "digit 7", "digit 0"):
        expected = tickets.predict(inputs, name)
        for of_tickets in (ways[TICKETS], ways[NETWORKS]):
            of_tickets.switch(name)
            said = of_tickets.predict(inputs, name)
            assert said.contexts == expected.contexts and said.probabilities.equal(expected.probabilities)
        assert ways[PREDICT].predict(inputs, name).probabilities.equal(expected.probabilities)
    assert not ways[DENSE].predict(inputs, "digit 0").probabilities.equal(expected.probabilities)


def test_memory_is_that_of_tensors_and_counts_what_is_shared_once(path, no_onnxruntime):
    tickets = load(path, device="cpu")
    ways, _, _ = ways_on(tickets)
    network = tickets.context("digit 0")
    tensors = [*network.parameters(), *network.buffers()]
    whole = sum(value.numel() * value.element_size() for value in tensors)
    assert bytes_of([*tensors, *tensors, tensors[0][:1]]) == ways[DENSE].memory_bytes == whole
    assert ways[NETWORKS].memory_bytes == 10 * whole
    size = tickets.masks.layout.size
    assert ways[TICKETS].memory_bytes >= whole + 4 * size + 10 * size


def test_the_dense_network_has_no_zero(path, no_onnxruntime, monkeypatch):
    made = []
    monkeypatch.setattr(TicketsInUse, "answered", lambda self, network, values, name: made.append(network))
    tickets = load(path, device="cpu")
    ways, _, inputs = ways_on(tickets)
    ways[DENSE].predict(inputs, "digit 0")
    ways[TICKETS].predict(inputs, "digit 0")
    dense, ticket = (dict(network.named_parameters()) for network in made)
    assert all(dense[name].all() and not ticket[name].all() for name in tickets.masks.layout.names)


@pytest.mark.parametrize("view", [lambda problem: problem, as_one_network])
def test_a_table_of_numbers_is_measured_also_by_one_network_that_is_told_the_context(no_onnxruntime, view):
    tickets = in_use(view(regression(mlp, told="one-hot")), allow=["small_contexts:mlp"])
    measured = inference_benchmark(tickets, 1, lambda line: None)
    several = len(tickets.subsets) > 1
    check_measured(measured, {*IN_TORCH, *([NETWORKS] if several else [])})
    assert measured["contexts"] == len(NAMES) and measured["ways"][TICKETS]["switch_ms"] > 0
    assert several or measured["absent"][NETWORKS] == "the file holds one network"
    assert measured["absent"][GRAPH].startswith("export needs onnxruntime, which is not installed: pip install")


def test_one_network_that_is_the_same_in_all_contexts_has_nothing_to_switch(digits, no_onnxruntime):
    measured = inference_benchmark(in_use(as_one_network(digits)), 1, lambda line: None)
    check_measured(measured, IN_TORCH)
    assert measured["ways"][TICKETS]["switch_ms"] is None


def test_regions_of_an_image_and_speech_are_measured(tmp_path, no_onnxruntime):
    ImageRegions.partition(tmp_path, longest_side=24, num_regions=3)
    SpeechScenes.partition(tmp_path, seconds=0.5, mixtures=[2, 2, 2])
    speech = SpeechScenes(tmp_path, device="cpu", perceptual=[])
    for problem in (ImageRegions(tmp_path / "china", device="cpu"), speech):
        measured = inference_benchmark(in_use(problem), 1, lambda line: None)
        check_measured(measured, {*IN_TORCH, NETWORKS})


def test_a_file_that_does_not_say_how_it_is_used_is_one_line(digits):
    with pytest.raises(TicketFileError, match=r"^x: does not say what its input is or what its output means; allowed:"):
        inference_benchmark(replace(in_use(digits), about=None), 1, lambda line: None)
    with pytest.raises(TicketFileError, match="x: its network is 'small_contexts:mlp', code that is not ours"):
        inference_benchmark(in_use(regression()), 1, lambda line: None)


def test_threads_are_those_from_before(path, no_onnxruntime):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        inference_benchmark(load(path), 1, lambda line: None)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
