"""Where there is a GPU, it gives what the CPU gives, within the tolerance of floating point."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from torch import nn

from rtl_core.batch_statistics import own_statistics
from rtl_core.chain import extract_round, unpruned
from rtl_core.construction import initial_weights
from rtl_core.cost import epochs_of
from rtl_core.device import device_of
from rtl_core.duration import Duration
from rtl_core.errors import SettingsError
from rtl_core.extraction import extract_chain, extract_tickets
from rtl_core.multiply_adds import multiply_adds
from rtl_core.problems.digits import Digits
from rtl_core.pruning import plan_rounds
from rtl_core.retraining import retrain
from rtl_core.updates import UPDATES

cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    Digits.partition(folder)
    return folder


def problem_on(folder, device):
    return Digits(folder, batch_size=64, device=device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_named(folder):
    for name in ("cuda", "cuda:1"):
        with pytest.raises(SettingsError, match=rf"training\.device: found '{name}', but torch finds no CUDA device"):
            problem_on(folder, name)
    assert problem_on(folder, "auto").device == problem_on(folder, "cpu").device == torch.device("cpu")


def test_one_device_of_several_is_taken_by_its_number(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.deterministic
    try:
        assert [str(device_of(name)) for name in ("cuda:1", "cuda", "auto", "cpu")] == ["cuda:1", "cuda", "cuda", "cpu"]
        assert (matmul.allow_tf32, cudnn.allow_tf32, cudnn.deterministic) == (False, False, True)
        with pytest.raises(SettingsError, match=r"'cuda:2', but torch finds 2 CUDA devices; .* cuda, cuda:0, cuda:1$"):
            device_of("cuda:2")
        for number in (256, 99_999_999_999):  # a byte of this, which torch keeps, would be a device that is there
            with pytest.raises(
                SettingsError, match=rf"^training\.device: found 'cuda:{number}', but torch finds 2 CUDA"
            ):
                device_of(f"cuda:{number}")
    finally:
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.deterministic = before


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:01", "cuda:-1", "cuda:1 ", "mps", 1, None])
def test_a_name_that_is_none_of_a_device_is_one_line(name):
    with pytest.raises(SettingsError, match=r"^training\.device: found .*; allowed: auto, cpu, cuda, or a CUDA"):
        device_of(name)


@needs_cuda
@pytest.mark.parametrize("update", UPDATES)
def test_masks_and_tickets_are_those_of_the_cpu(folder, stream, adam, update):
    rounds, few = plan_rounds(13_968, [0.5], 0.3, 2), Duration.parse("4it")  # the second goes on from the first

    def run(device):
        problem = problem_on(folder, device)
        masks = extract_tickets(problem, rounds, few, adam, stream)[0.5]
        weights = initial_weights(problem, stream)
        assert weights.prunable.device.type == device
        tickets = retrain(weights, masks, problem.objectives, few, 2, update, adam, stream)
        networks = [tickets.network(k, initial_weights(problem, stream).network) for k in range(10)]
        return masks, tickets, [score.value for score in problem.score(networks) if score.metric == "auroc"]

    (masks, tickets, scores), (expected, expected_tickets, expected_scores) = run("cuda"), run("cpu")
    assert (masks.values != expected.values).float().mean() <= 0.001
    torch.testing.assert_close(tickets.weights, expected_tickets.weights, rtol=1e-2, atol=1e-2)
    assert scores == pytest.approx(expected_scores, abs=0.02)


@needs_cuda
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_steps_are_captured_and_their_bytes_repeat(folder, stream, adam, precision, capsys):
    problem = Digits(folder, batch_size=64, device="cuda", precision=precision)
    rounds, few = plan_rounds(13_968, [0.5], 0.3, 2), Duration.parse("4it")
    masks = [extract_tickets(problem, rounds, few, adam, stream)[0.5] for _ in range(2)]
    assert torch.equal(masks[0].values, masks[1].values)

    def tickets(update):
        weights = initial_weights(problem, stream)
        return retrain(weights, masks[0], problem.objectives, few, 2, update, adam, stream)

    for update in UPDATES:
        one, again = tickets(update), tickets(update)
        assert torch.equal(one.weights, again.weights)
        for statistics, repeated in zip(one.statistics, again.statistics, strict=True):
            assert all(torch.equal(value, repeated[name]) for name, value in statistics.items())
    assert "kernel by kernel" not in capsys.readouterr().err


@needs_cuda
def test_batch_statistics_are_those_of_the_cpu(folder, stream):
    for seed in range(3):  # two of them in a network that was lent before
        place, found = stream.at(seed=seed), {}
        for device in ("cpu", "cuda"):
            problem = problem_on(folder, device)
            found[device] = own_statistics(initial_weights(problem, place), problem.objectives[seed], place)
        torch.testing.assert_close(found["cuda"], found["cpu"], rtol=1e-3, atol=1e-4)


@needs_cuda
def test_chains_side_by_side_have_the_bytes_of_chains_one_after_another(folder, stream, adam):
    problem, few = problem_on(folder, "cuda"), Duration.parse("20it")
    rounds = plan_rounds(13_968, [0.5], 0.3, 2)

    def chain(subset):
        return extract_chain(problem, subset, rounds, few, adam, stream)[0.5]

    expected = [chain(subset) for subset in range(10)]
    with ThreadPoolExecutor(10) as pool:
        assert all(map(torch.equal, pool.map(chain, range(10)), expected))


@needs_cuda
def test_a_loss_that_cannot_be_captured_trains_all_the_same(folder, stream, adam, capsys):
    problem = problem_on(folder, "cuda")
    objective = problem.objectives[0]

    def loss(network, batch):
        found = objective.loss(network, batch)
        return found if found.item() < 1e9 else found * 0

    few, first = Duration.parse("4it"), plan_rounds(13_968, [0.5], 0.3, 2)[0]

    def mask(objective):
        weights = initial_weights(problem, stream)
        return extract_round(weights, objective, unpruned(weights.layout), first, few, adam, stream).mask

    found = mask(replace(objective, loss=loss))
    assert "a CUDA graph cannot hold it: aten::_local_scalar_dense waits" in capsys.readouterr().err
    assert (found != mask(objective)).float().mean() <= 0.001


@needs_cuda
def test_passes_take_as_many_multiply_adds_as_on_a_cpu(folder, stream):
    on_cpu, on_cuda = (epochs_of(problem_on(folder, device), stream) for device in ("cpu", "cuda"))
    assert on_cuda == on_cpu
    lstm, sequences = nn.LSTM(8, 5).cuda(), torch.randn(7, 4, 8).cuda()
    assert multiply_adds(lambda: lstm(sequences)[0].sum().backward()) == 3 * 7 * 4 * 4 * 5 * (8 + 5)
