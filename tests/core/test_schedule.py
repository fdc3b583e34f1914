"""The learning rate over a training: its values, and that it begins anew with each training and survives a pause."""

import pytest
import torch
from kept_state import KeptState
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR

from rtl_core.baselines import imp_multiple
from rtl_core.chain import extract_round, unpruned
from rtl_core.construction import initial_weights
from rtl_core.duration import Duration
from rtl_core.errors import SettingsError
from rtl_core.isolation import OptimizerChoice, TicketOptimizer, rates_of
from rtl_core.masks import Masks
from rtl_core.pruning import Round
from rtl_core.retraining import retrain
from rtl_core.rewinding import late_tickets
from rtl_core.schedule import Rates
from rtl_core.ticket_file import tickets_to_bytes

FIVE = Duration.parse("5it")
COSINE = OptimizerChoice("sgd", 0.05, nesterov=True, schedule="cosine", warmup="2it")


@pytest.fixture
def rates_taken(monkeypatch):
    """The learning rate of every step, as the optimizer has it when it takes the step."""
    taken, step = [], TicketOptimizer.step

    def watched(optimizer, *gradients):
        taken.append(optimizer.optimizer.param_groups[0]["lr"])
        step(optimizer, *gradients)

    monkeypatch.setattr(TicketOptimizer, "step", watched)
    return taken


def factors(rates):
    return [rates.factor(step) for step in range(rates.steps)]


def test_a_constant_rate_is_the_full_one_bit_for_bit():
    assert factors(Rates(4)) == [1.0] * 4
    optimizer = TicketOptimizer(
        OptimizerChoice("adam", 0.003), torch.ones(2, dtype=torch.bool), torch.zeros(2), nn.Parameter(torch.zeros(1))
    )
    optimizer.scale_rate(Rates(4).factor(0))
    assert optimizer.optimizer.param_groups[0]["lr"] == 0.003


def test_a_warm_up_rises_by_equal_amounts_to_the_full_rate():
    assert factors(Rates(6, "constant", 4)) == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_cosine_falls_as_torchs_own():
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs, expected = CosineAnnealingLR(optimizer, 10), []
    for _ in range(10):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    assert factors(Rates(10, "cosine")) == pytest.approx(expected)
    assert factors(Rates(13, "cosine", 3)) == pytest.approx([1 / 3, 2 / 3, 1, *expected])


def test_epochs_of_warm_up_are_those_of_the_training():
    choice = OptimizerChoice(schedule="cosine", warmup="2ep")
    assert rates_of(choice, 30, 7) == Rates(30, "cosine", 14)


@pytest.mark.parametrize("warmup", ["5it", "1ep", "6it"])
def test_a_warm_up_that_never_ends_is_refused_before_training(digits, stream, warmup):
    choice, weights = OptimizerChoice(warmup=warmup), initial_weights(digits, stream)
    everything = Masks(weights.layout, torch.ones(10, weights.layout.size, dtype=torch.bool))
    with pytest.raises(SettingsError, match=r"optimizer\.warmup: found [56] steps; allowed: fewer than the 5"):
        retrain(weights, everything, digits.objectives, FIVE, 5, "sequential", choice, stream)


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"name": "adamm"}, "optimizer.name: found 'adamm'; allowed: adam, adamw, sgd"),
        ({"schedule": "step"}, "optimizer.schedule: found 'step'; allowed: constant, cosine"),
        ({"nesterov": True}, "optimizer.nesterov: found True; allowed: with sgd, and momentum above 0"),
        ({"name": "sgd", "momentum": 0.0, "nesterov": True}, "optimizer.nesterov: found True"),
    ],
)
def test_a_choice_that_does_not_exist_is_refused(wrong, line):
    with pytest.raises(SettingsError, match=line):
        OptimizerChoice(**wrong)


@pytest.mark.parametrize("carries", [True, False])
def test_each_round_of_extraction_is_a_training_of_its_own(digits, stream, rates_taken, carries):
    weights = initial_weights(digits, stream)
    chain, each = unpruned(weights.layout), Round(1, 50, 0.1, None, rewinds=not carries)
    for _ in range(2):
        weights = initial_weights(digits, stream)
        chain = extract_round(weights, digits.objectives[0], chain, each, FIVE, COSINE, stream)
    of_round = [0.05 * factor for factor in factors(Rates(5, "cosine", 2))]
    assert rates_taken == of_round * 2
    assert any(name.startswith("moment.") for name in chain.carried) == carries


@pytest.mark.parametrize("update", ["sequential", "synchronous"])
def test_a_joint_retraining_is_one_training_for_every_ticket(digits, stream, rates_taken, update):
    weights = initial_weights(digits, stream)
    everything = Masks(weights.layout, torch.ones(10, weights.layout.size, dtype=torch.bool))
    retrain(weights, everything, digits.objectives, FIVE, 2, update, COSINE, stream)
    optimizers = 10 if update == "sequential" else 1
    assert rates_taken == [rate for f in factors(Rates(5, "cosine", 2)) for rate in [0.05 * f] * optimizers]


def test_each_network_of_a_baseline_has_a_training_of_its_own(digits, stream, rates_taken):
    weights = initial_weights(digits, stream)
    everything = Masks(weights.layout, torch.ones(10, weights.layout.size, dtype=torch.bool))
    imp_multiple(digits, everything, FIVE, COSINE, stream)
    assert rates_taken == [0.05 * factor for factor in factors(Rates(5, "cosine", 2))] * 10


def test_late_rewinding_is_the_beginning_of_a_training(digits, stream, rates_taken):
    late_tickets(digits, FIVE, COSINE, stream)
    assert rates_taken == [0.025, 0.05, 0.05, 0.05, 0.05]


@pytest.mark.parametrize("update", ["sequential", "synchronous"])
@pytest.mark.parametrize(
    "choice",
    [COSINE, OptimizerChoice("adamw", 0.01, weight_decay=0.1, schedule="cosine", warmup="1ep")],
    ids=["sgd, nesterov", "adamw"],
)
def test_an_interrupted_training_goes_on_at_the_rate_where_it_was(digits, stream, update, choice):
    weights = initial_weights(digits, stream)
    kept = torch.rand(3, weights.layout.size, generator=torch.Generator().manual_seed(3)) < 0.15

    def run(checkpoint):
        masks, nine = Masks(weights.layout, kept), Duration.parse("9it")
        start = initial_weights(digits, stream)
        return retrain(start, masks, digits.objectives[:3], nine, 2, update, choice, stream, checkpoint)

    interrupted = KeptState(fail_after=3)
    with pytest.raises(KeyboardInterrupt):
        run(interrupted)
    assert tickets_to_bytes(run(KeptState(interrupted.state))) == tickets_to_bytes(run(None))
