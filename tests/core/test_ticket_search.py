import math
import sys
import threading
import time
from subprocess import run

import pytest
import torch
from small_contexts import NAMES, mlp, regression, tensors
from torch import nn

import rtl_core
from rtl_core import find_tickets, load, save
from rtl_core.baselines import imp_multiple, imp_single
from rtl_core.construction import initial_weights
from rtl_core.duration import Duration
from rtl_core.errors import DivergedError, SettingsError, TicketFileError
from rtl_core.extraction import extract_tickets
from rtl_core.isolation import OptimizerChoice
from rtl_core.methods import UPDATES
from rtl_core.one_network import as_one_network
from rtl_core.problem import Objective, Problem, Score
from rtl_core.pruning import plan_rounds
from rtl_core.randomness import Stream
from rtl_core.retraining import retrain
from rtl_core.side_by_side import SideBySide
from rtl_core.ticket_file import tickets_to_bytes

SHORT = {"extract_duration": "2ep", "retrain_duration": "3ep", "weights_per_round": 0.4}
ALL = ["imp_single", "imp_multiple"]
SGD = OptimizerChoice("sgd", 0.01)


def found_bytes(**settings):
    tickets = find_tickets(regression(told="one-hot"), [0.4, 0.8], baselines=ALL, **SHORT | settings)
    return {place: [tickets_to_bytes(one) for one in sets] for place, sets in tickets.sets.items()}, tickets.scores


def test_the_same_bytes_and_scores_whatever_the_number_of_threads():
    assert found_bytes(threads=1) == found_bytes(threads=3)
    assert found_bytes(threads=2)[0] != found_bytes(threads=2, seed=1)[0]


@pytest.mark.parametrize("update", UPDATES)
def test_it_is_extraction_and_retraining_and_the_baselines_one_after_another(update):
    problem, stream, level = regression(), Stream(4).at(problem="mine"), 0.4
    tickets = find_tickets(
        problem, [level], baselines=ALL, update=update, optimizer=SGD, seed=4, name="mine", **SHORT
    )  # fmt: skip
    extracting, retraining = Duration.parse("2ep"), Duration.parse("3ep")
    one, method = as_one_network(problem), UPDATES[update]
    rounds = plan_rounds(24, [level], 0.4, 1)
    masks = extract_tickets(problem, rounds, extracting, SGD, stream)[level]
    single = extract_tickets(one, rounds, extracting, SGD, stream, method="imp_single")[level]
    weights, m, place = initial_weights(problem, stream), problem.batches_per_epoch, stream.at(method=method)
    expected = {
        (method, level): [retrain(weights, masks, problem.objectives, retraining, m, update, SGD, place)],
        ("imp_single", level): [imp_single(problem, single, retraining, SGD, stream)],
        ("imp_multiple", level): imp_multiple(problem, masks, retraining, SGD, stream),
    }
    assert tickets.sets.keys() == expected.keys()
    for where, sets in expected.items():
        assert [*map(tickets_to_bytes, tickets.sets[where])] == [*map(tickets_to_bytes, sets)]


def test_networks_are_those_that_were_scored():
    problem = regression(told="one-hot")
    tickets = find_tickets(problem, [0.4], baselines=ALL, **SHORT)
    for method in ("rtl", *ALL):
        networks = [tickets.network(name, 0.4, method) for name in NAMES]
        for k, name in enumerate(NAMES):
            x, y = tensors(10 + k)
            if method == "imp_single":
                problem.tell(networks[k], name)
            (row,) = (r for r in tickets.scores if r["method"] == method and r["subset"] == name)
            assert row["value"] == pytest.approx((networks[k](x) - y).square().mean().sqrt().item(), rel=1e-5)
    means = [row["value"] for row in tickets.scores if row["subset"] == "mean"]
    table = str(tickets).splitlines()
    assert table[0].split("  ")[0] == "mean over subsets" and "lower" in table[1]
    assert [f"{value:.4g}" for value in means] == table[1].split()[-3:]


def test_tickets_are_saved_and_loaded_whole(tmp_path):
    tickets = find_tickets(regression(), [0.4], **SHORT).at(0.4)
    save(tickets, tmp_path / "new" / "tickets.safetensors")
    assert tickets_to_bytes(load(tmp_path / "new" / "tickets.safetensors", ["small_contexts:mlp"])) == tickets_to_bytes(
        tickets
    )
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["tickets.safetensors"]
    with pytest.raises(TicketFileError, match=r"nothing: not readable \(No such file or directory\)"):
        load(tmp_path / "nothing")


def test_the_number_of_threads_is_as_it_was():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        find_tickets(regression(), [0.4], **SHORT)
        assert torch.get_num_threads() == 2
        with pytest.raises(SettingsError):
            find_tickets(regression(), [0.8, 0.4], **SHORT)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    "wrong, line",
    [
        (dict(problem=mlp()), "problem: found a Sequential; allowed: a Problem"),
        (dict(sparsities=[]), r"sparsities: found \[\]; allowed: one and more"),
        (dict(sparsities=0.5), "sparsities: found 0.5; allowed: one and more"),
        (dict(sparsities=[1.5]), "sparsity 1.5 of 24 prunable weights leaves -12"),
        (dict(weights_per_round=0), "weights_per_round: found 0; allowed: a count, or a share between 0 and 1"),
        (dict(weights_per_round=1.0), "weights_per_round: found 1.0"),
        (dict(extract_duration="ten"), "'ten' is no duration"),
        (dict(update="both"), "update: found 'both'; allowed: synchronous, sequential"),
        (dict(baselines=["rtl"]), "baselines: found 'rtl'; allowed: imp_single, imp_multiple"),
        (dict(threads=0), "threads: found 0; allowed: 1 and more"),
    ],
)
def test_arguments_out_of_range_are_one_line(wrong, line):
    with pytest.raises(SettingsError, match=line):
        find_tickets(**{"problem": regression(), "sparsities": [0.4]} | SHORT | wrong)


def test_places_that_have_no_tickets_are_one_line():
    tickets = find_tickets(regression(), [0.4], baselines=["imp_multiple"], **SHORT)
    with pytest.raises(SettingsError, match=r"no tickets of rtl at 0.5; allowed: rtl at 0.4, imp_multiple at 0.4"):
        tickets.at(0.5)
    with pytest.raises(SettingsError, match="imp_multiple has 3 sets of one"):
        tickets.at(0.4, "imp_multiple")
    with pytest.raises(SettingsError, match="subset: found 'east'; allowed: north, south, west"):
        tickets.network("east", 0.4)


def test_a_problem_that_cannot_be_scored_is_told_before_training():
    def never(outputs, targets):
        raise ValueError("no such thing")

    begun = time.monotonic()
    with pytest.raises(SettingsError, match=r"metrics: 'mse' of .*: ValueError: no such thing"):
        find_tickets(regression(metrics={"mse": never}), [0.4], **SHORT | {"extract_duration": "1000000ep"})
    assert time.monotonic() - begun < 60


def test_a_divergence_ends_all_and_is_told():
    with pytest.raises(DivergedError):
        find_tickets(regression(), [0.4], optimizer=OptimizerChoice("sgd", 2.0), **SHORT | {"extract_duration": "60ep"})


def test_other_jobs_end_at_their_next_step_when_one_fails():
    rounds = []

    def fails():
        raise DivergedError("now")

    def goes_on():
        while len(rounds) < 1000:
            rounds.append(1)
            work.advance()
            time.sleep(0.01)

    before = threading.active_count()
    with SideBySide(2) as work, pytest.raises(DivergedError, match="now"):
        work.run("jobs", {"long": goes_on, "bad": fails}, 1001)
    assert len(rounds) < 1000 and threading.active_count() == before


class Least(Problem):
    """What a problem must say: a network, objectives and scores."""

    subsets = NAMES

    def network(self, generator):
        return mlp()

    @property
    def objectives(self):
        def objective(k, name):
            x, y = tensors(k, 8)
            batches = [(x[:4], y[:4]), (x[4:], y[4:])][: k + 1]
            return Objective(name, lambda generator: batches, len(batches), loss)

        def loss(network, batch):
            return nn.functional.mse_loss(network(batch[0]), batch[1])

        return [objective(k, name) for k, name in enumerate(NAMES)]

    def score(self, tickets):
        errors = [(ticket(tensors(k)[0]) - tensors(k)[1]).square().mean() for k, ticket in enumerate(tickets)]
        return [Score("paper", "mse", name, error.item()) for name, error in zip(NAMES, errors, strict=True)]


def test_three_methods_make_a_problem():
    problem = Least()
    single = problem.single_objective
    turns = list(single.batches(torch.Generator().manual_seed(0)))
    assert single.name == "all" and sorted(turn[0].name for turn in turns) == [
        "north",
        "south",
        "south",
        "west",
        "west",
    ]
    network = mlp()
    assert single.loss(network, turns[0]) == turns[0][0].loss(network, turns[0][1])
    assert problem.score_single(network) == problem.score([network] * 3)
    tickets = find_tickets(problem, [0.5], baselines=ALL, **SHORT)
    assert tickets.at(0.5).masks.layout.names == ("0.weight",)
    assert all(math.isfinite(row["value"]) for row in tickets.scores) and len(tickets.scores) == 3 * 4


def test_offered_names_are_there_and_importing_the_package_imports_nothing():
    assert {name for name in rtl_core.OFFERED if getattr(rtl_core, name).__name__ != name} == set()
    assert {*rtl_core.OFFERED} <= {*dir(rtl_core)}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = rtl_core.nothing
    run([sys.executable, "-c", "import sys, rtl_core; assert 'torch' not in sys.modules"], check=True)
