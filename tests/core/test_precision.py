"""A training's precision is that of its products alone: what is scored, or averaged over, is computed in float32."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from time import sleep

import pytest
import torch
from small_contexts import regression
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from rtl_core.batch_statistics import own_statistics
from rtl_core.construction import initial_weights
from rtl_core.doubts import losses_not_fallen
from rtl_core.errors import SettingsError
from rtl_core.masks import Masks
from rtl_core.precision import _Switch
from rtl_core.problem import Objective, Problem
from rtl_core.problems.digits import Digits
from rtl_core.routing.superposition import Superposition
from rtl_core.tickets import finish_tickets
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


def test_a_block_in_a_block_of_its_kind_waits_for_none():
    switch, waiting = _Switch(), Event()

    def other():
        waiting.set()
        with switch.at(True):
            return torch.backends.cudnn.allow_tf32

    def nested():
        with switch.at(False):
            turned = pool.submit(other)
            waiting.wait(5)
            sleep(0.05)  # until it waits for this block's end
            with switch.at(False):
                assert not turned.done()
            with pytest.raises(RuntimeError, match="another kind around"), switch.at(True):
                pass
        return turned

    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    pool = ThreadPoolExecutor(2)
    try:
        assert pool.submit(nested).result(5).result(5)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@pytest.mark.parametrize("what", ["scores of contexts", "losses that are compared", "a superposition"])
def test_what_is_not_trained_on_is_computed_in_float32(what, digits, stream, monkeypatch):
    kinds, found = [], []

    @contextmanager
    def noted(precision, device):
        kinds.append(precision)
        yield
        kinds.pop()

    for module in ("context_problem", "doubts", "routing.superposition", "batch_statistics"):
        monkeypatch.setattr(f"rtl_core.{module}.products_in", noted)
    weights = initial_weights(digits, stream)
    everything = Masks(weights.layout, torch.ones(10, weights.layout.size, dtype=torch.bool))
    tickets = finish_tickets(weights, everything, digits.objectives, stream)
    contexts = regression()
    network = contexts.network(torch.Generator()).eval()

    def note(module, *given):
        if isinstance(module, nn.Linear):
            found.append(kinds[-1:])

    with register_module_forward_hook(note):
        if what == "scores of contexts":
            contexts.score([network] * 3)
        elif what == "losses that are compared":
            losses_not_fallen(tickets, digits.objectives, weights, stream)
        else:
            images = digits.images["validation"][:20]
            Superposition(tickets, weights.network, images, stream).evidence([images])
    assert found and all(kind == ["float32"] for kind in found)


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
