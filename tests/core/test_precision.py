"""A training's precision is that of its products alone: what is scored, or averaged over, is computed in float32."""

from concurrent.futures import ThreadPoolExecutor
from time import sleep

import pytest
import torch

from rtl_core.batch_statistics import own_statistics
from rtl_core.construction import initial_weights
from rtl_core.errors import SettingsError
from rtl_core.precision import _Switch
from rtl_core.problem import Objective, Problem
from rtl_core.problems.digits import Digits
from rtl_core.training import gradient_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    Digits.partition(folder)
    return folder


def test_bfloat16_is_of_training_alone(folder, stream):
    def of(precision):
        problem = Digits(folder, batch_size=64, device="cpu", precision=precision)
        weights, objective = initial_weights(problem, stream), problem.objectives[0]
        batch = next(iter(objective.batches(stream.generator())))
        loss = gradient_of(weights, objective, batch, stream)
        statistics = own_statistics(weights, objective, stream)
        scores = problem.score([weights.network.eval()] * 10)
        assert problem.single_objective.precision == objective.precision == precision
        return loss, weights.gradient.clone(), statistics, scores

    (loss, gradient, statistics, scores), (exact_loss, exact_gradient, *exact) = of("bfloat16"), of("float32")
    assert loss.dtype == gradient.dtype == torch.float32
    assert not torch.equal(gradient, exact_gradient)
    torch.testing.assert_close(loss, exact_loss, rtol=1e-2, atol=1e-2)
    assert torch.nn.functional.cosine_similarity(gradient, exact_gradient, 0) > 0.99
    assert scores == exact[1]
    assert all(torch.equal(statistics[name], value) for name, value in exact[0].items())


def test_tf32_is_refused_where_it_would_be_float32_without_a_word(folder):
    with pytest.raises(SettingsError, match=r"training\.precision: found 'tf32' .* cpu; allowed there: float32"):
        Digits(folder, device="cpu", precision="tf32")


def test_torchs_switch_is_turned_for_none_who_needs_it_otherwise():
    switch, inside, found = _Switch(), [], []

    def work(number):
        tf32 = number % 3 == 0
        with switch.at(tf32):
            inside.append(tf32)
            sleep(0.001)
            found.append({*inside} == {tf32} and torch.backends.cudnn.allow_tf32 == tf32)
            inside.remove(tf32)

    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(work, range(60)))
        assert all(found) and len(found) == 60
        assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def test_one_network_for_all_trains_in_the_precision_of_its_objectives(folder):
    objectives = [
        Objective(name, lambda _: [], 1, torch.add, kind) for name, kind in (("a", "bfloat16"), ("b", "tf32"))
    ]

    class Job(Problem):
        network = score = None
        subsets = ("a", "b")

        def __init__(self, objectives):
            self.given = objectives

        @property
        def objectives(self):
            return self.given

    assert Job(objectives[:1]).single_objective.precision == "bfloat16"
    with pytest.raises(SettingsError, match="found precisions bfloat16 and tf32"):
        _ = Job(objectives).single_objective
