"""Where there is a GPU, it gives what the CPU gives, within the tolerance of floating point."""

import pytest
import torch

from rtl_core.construction import initial_weights
from rtl_core.duration import Duration
from rtl_core.errors import SettingsError
from rtl_core.extraction import extract_tickets
from rtl_core.problems.digits import Digits
from rtl_core.pruning import plan_rounds
from rtl_core.retraining import retrain

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
    with pytest.raises(SettingsError, match=r"training\.device: found 'cuda'"):
        problem_on(folder, "cuda")
    assert problem_on(folder, "auto").device == problem_on(folder, "cpu").device == torch.device("cpu")


@needs_cuda
@pytest.mark.parametrize("update", ["synchronous", "sequential"])
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
