"""What is fast gives what is plain: the same masks, the same training, however it is done."""

import threading
from contextlib import contextmanager
from itertools import count as counter
from itertools import islice

import pytest
import torch

from rtl_core.benchmark import PARTS, benchmark, growth, peak_memory
from rtl_core.chain import Chain, extract_round
from rtl_core.construction import initial_weights
from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerChoice
from rtl_core.masks import Masks
from rtl_core.measured_tickets import MeasuredTickets
from rtl_core.plain_reference import plain_batches, plain_ticket, plain_training
from rtl_core.problems.cifar import Cifar10
from rtl_core.problems.images.labelled_images import LabelledImages
from rtl_core.problems.images.stored_images import save_images
from rtl_core.pruning import Round, prune_smallest
from rtl_core.timing import timed
from rtl_core.training import batches_of


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A problem with the paper's network on pictures of the paper's size, few enough for a test."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(120) % 3
    images = torch.randint(0, 200, (120, 3, 32, 32), generator=generator) + 18 * labels[:, None, None, None]
    data = LabelledImages(images.to(torch.uint8), labels)
    folder = tmp_path_factory.mktemp("pictures")
    splits = {name: data[torch.arange(120)] for name in ("train", "validation", "test")}
    save_images(folder, splits, ["a", "b", "c"])
    return Cifar10(folder, network="ghostnet", batch_size=40, device="cpu")


@pytest.mark.parametrize("name", ["digits", "pictures"])
def test_a_round_prunes_what_plain_training_would(name, request, stream):
    problem, adam = request.getfixturevalue(name), OptimizerChoice("adam", 1e-3)
    weights = initial_weights(problem, stream)
    size = weights.layout.size
    kept = torch.rand(size, generator=torch.Generator().manual_seed(1)) < 0.7
    objective = problem.objectives[0]
    count = size // 5
    pruning_round, duration = Round(1, count, 0, None, True), Duration.parse("4it")
    fast = extract_round(weights, objective, Chain(kept), pruning_round, duration, adam, stream).mask

    network = plain_ticket(problem, Masks(weights.layout, kept.unsqueeze(0)), 0, stream)
    epochs = (stream.at(round=1).at(epoch=epoch) for epoch in counter())
    batches = islice(batches_of(objective, epochs), 4)
    loader = [next(plain_batches(batch)) for batch in batches]
    plain_training(network, adam(list(network.parameters())), objective, loader)
    trained = dict(network.named_parameters())
    flat = torch.cat([trained[f"{part}_orig"].reshape(-1) for part in weights.layout.names])
    plain = prune_smallest(flat, kept, count)
    assert (fast != plain).float().mean() <= 0.001


def test_the_plain_reference_loads_inputs_and_targets_and_nothing_besides(digits):
    batch = next(iter(digits.objectives[0].batches(torch.Generator())))
    loader = plain_batches(batch)
    for loaded in (next(loader), next(loader)):
        assert len(loaded) == len(batch) == 3 and loaded[2] is batch[2]
        assert all(map(torch.equal, loaded, batch)) and loaded[0] is not batch[0]


def test_each_thread_of_joint_retrainings_works_apart_from_the_others(digits, stream, adam, monkeypatch):
    here, found = threading.local(), []

    @contextmanager
    def apart(device):
        here.inside = True
        yield
        here.inside = False

    def make(*given):
        return lambda batches, places: found.append((threading.current_thread().name, getattr(here, "inside", False)))

    monkeypatch.setattr("rtl_core.measured_tickets.apart", apart)
    monkeypatch.setattr("rtl_core.measured_tickets.UPDATES", {"synchronous": make, "sequential": make})
    with MeasuredTickets(digits, adam, stream, 2, 2) as tickets:
        for part in ("retraining", "retraining_sequential"):
            tickets.work(part)()
    assert len(found) == 3 and all(inside for _, inside in found)
    assert len({name for name, _ in found}) > 1


def test_a_time_ends_when_every_device_has_ended(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    assert timed(lambda: None, 0.0)[0] == 1 and waited == [0, 1]


@pytest.mark.slow
def test_the_benchmark_measures_every_part(digits, stream, adam, monkeypatch):
    monkeypatch.setattr("rtl_core.benchmark.LEAST_SECONDS", 0.0)
    monkeypatch.setattr("rtl_core.benchmark.TURNS", 1)
    told = []
    found = benchmark(digits, adam, stream, 2, told.append)
    assert list(found) == list(PARTS) == told
    for rates in found.values():
        assert rates["ratio"] == pytest.approx(rates["images_per_s"] / rates["reference_images_per_s"])
    grown = growth(digits, adam, stream, 2, [2, 12], lambda part: None)
    assert list(grown) == ["2", "12"]
    assert all(milliseconds > 0 for times in grown.values() for milliseconds in times.values())
    memory = peak_memory(digits, adam, stream, 2)
    assert memory is None or 0 < memory["before"] < 1.5 * memory["one_worker"]
