"""What speaks against a result: found where it is there, in numbers that mean nothing, and nowhere else."""

import math

import numpy as np
import pytest
import torch

from rtl_core.construction import initial_weights
from rtl_core.doubts import has_fallen, is_at_chance, layers_without_weights, losses_not_fallen
from rtl_core.duration import Duration
from rtl_core.isolation import OptimizerChoice
from rtl_core.masks import Masks
from rtl_core.one_network import as_one_network
from rtl_core.retraining import retrain
from rtl_core.ticket_file import tickets_to_bytes
from tasks.score_method import doubts_of
from tasks.tables.doubts import doubts_table
from tasks.tables.published import doubt_lines

MOVES_NOTHING, LEARNS = 1e-12, 0.01
SUBSETS = ("a", "b", "c")


@pytest.fixture(scope="module")
def trained(digits):
    """Tickets of digits retrained at a learning rate; ticket 3 keeps nothing of the second convolution."""
    from rtl_core.randomness import Stream

    stream = Stream(0).at(problem="digits")
    weights = initial_weights(digits, stream)
    values = torch.rand(10, weights.layout.size, generator=torch.Generator().manual_seed(0)) < 0.5
    first, second, *_ = weights.layout.lengths
    values[3, first : first + second] = False

    def train(learning_rate: float):
        adam, length = OptimizerChoice("adam", learning_rate), Duration.parse("6it")
        masks = Masks(weights.layout, values)
        start = initial_weights(digits, stream)
        return retrain(start, masks, digits.objectives, length, 6, "synchronous", adam, stream)

    return {rate: train(rate) for rate in (MOVES_NOTHING, LEARNS)}


def test_a_layer_without_a_weight_is_named_with_its_ticket(trained):
    tickets = trained[LEARNS]
    assert layers_without_weights(tickets) == {"digit 3": [tickets.masks.layout.names[1]]}


def test_a_loss_that_training_did_not_lower_is_found_and_one_that_it_lowered_is_not(trained, digits, stream):
    found = losses_not_fallen(trained[MOVES_NOTHING], digits.objectives, initial_weights(digits, stream), stream)
    assert tuple(found) == digits.subsets
    assert all(before == pytest.approx(after, rel=1e-5) and 0.5 < after < 1 for before, after in found.values())
    assert losses_not_fallen(trained[LEARNS], digits.objectives, initial_weights(digits, stream), stream) == {}


def test_looking_changes_nothing_and_draws_from_its_own_stream_alone(trained, digits, stream):
    tickets, initial = trained[LEARNS], initial_weights(digits, stream)
    bytes_before, theta = tickets_to_bytes(tickets), initial.prunable.detach().clone()
    state = torch.random.get_rng_state()
    found = [losses_not_fallen(trained[MOVES_NOTHING], digits.objectives, initial, stream) for _ in range(2)]
    assert losses_not_fallen(tickets, digits.objectives, initial, stream) == {}
    assert found[0] == found[1]
    assert tickets_to_bytes(tickets) == bytes_before and torch.equal(initial.prunable, theta)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_networks_that_share_nothing_and_one_for_every_subset_are_held_against_their_own_start(digits, stream):
    network = as_one_network(digits)
    for rate in (MOVES_NOTHING, LEARNS):
        weights = initial_weights(network, stream)
        mask = Masks(weights.layout, torch.ones(1, weights.layout.size, dtype=torch.bool))
        adam, length = OptimizerChoice("adam", rate), Duration.parse("6it")
        one = retrain(weights, mask, network.objectives, length, 6, "sequential", adam, stream)
        found = doubts_of(network, [one], stream)
        assert (found["tickets"], found["empty_layers"]) == (["all"], {})
        assert list(found["losses"]) == (["all"] if rate == MOVES_NOTHING else [])
    several = []
    for objective in digits.objectives:
        weights = initial_weights(digits, stream)
        mask = Masks(weights.layout, torch.ones(1, weights.layout.size, dtype=torch.bool))
        adam = OptimizerChoice("adam", MOVES_NOTHING if objective.name == "digit 4" else LEARNS)
        several.append(retrain(weights, mask, [objective], Duration.parse("6it"), 6, "sequential", adam, stream))
    found = doubts_of(digits, several, stream)
    assert found["tickets"] == list(digits.subsets) and list(found["losses"]) == ["digit 4"]


@pytest.mark.parametrize(
    ("before", "after", "fallen"),
    [
        (0.7, 0.6, True), (0.7, 0.7, False), (0.7, 0.8, False), (0.7, 0.7 - 1e-7, False), (0.7, 0.699, True),
        (0.0, -0.5, True), (-0.5, -0.4, False), (-0.5, -0.6, True), (0.0, 0.0, False), (1000, 999, True),
        (math.inf, 0.7, True), (math.nan, 0.7, True), (0.7, math.nan, False), (math.nan, math.nan, False),
    ],
)  # fmt: skip
def test_a_loss_has_fallen_where_it_is_lower_by_more_than_rounding(before, after, fallen):
    assert has_fallen(before, after) is fallen


NOISE = np.random.default_rng(0).normal(0, 0.05, 30)


@pytest.mark.parametrize(
    ("leads", "at_chance"),
    [
        ([0.0] * 30, True),
        (NOISE - NOISE.mean(), True),
        (0.4 + NOISE, False),
        (-0.4 + NOISE, True),
        ([0.1, 0.5, 1, 2, 20], False),  # a mean within its own spread, and yet a lead everywhere
        ([0.001, -0.3, 0.2], True),
        ([0.48, 0.49, 0.5], False),
        ([0.3] * 3, False),
        ([1e-7], True),  # float32's 0.1018518508 against 11 / 108
        ([0.2], False),
        ([0.3, -0.1], False),
        ([-0.3, 0.1], True),
        ([math.nan, math.nan], False),
        ([math.nan, 0.4, 0.41, 0.42], False),
        ([], False),
    ],
)
@pytest.mark.parametrize("higher_is_better", [True, False])
@pytest.mark.parametrize("chance", [0.5, 2.0])
def test_scores_at_chance_are_known_in_either_direction(leads, at_chance, higher_is_better, chance):
    values = [chance + (lead if higher_is_better else -lead) for lead in leads]
    assert is_at_chance(values, [chance] * len(values), higher_is_better) is at_chance


def test_each_score_is_held_against_its_own_chance():
    assert is_at_chance([0.5, 0.1, 0.33, 0.25], [0.5, 0.1, 0.33, 0.25], True)
    assert not is_at_chance([0.6, 0.21, 0.43, 0.36], [0.5, 0.1, 0.33, 0.25], True)


def found(method="rtl", seed=0, sparsity=0.5, value=0.9, chance=0.5, instance="", empty=(), losses=(), **score):
    """What the step returns: three tickets, the first of which may have an empty layer or a loss that did not fall."""
    place = {"method": method, "seed": seed, "sparsity": sparsity, **({"instance": instance} if instance else {})}
    row = place | {"protocol": "matched", "metric": "auroc", "chance": chance, "higher_is_better": True} | score
    return {
        "scores": [row | {"subset": name, "value": value + 0.01 * k} for k, name in enumerate([*SUBSETS, "mean"])],
        "doubts": place
        | {
            "tickets": list(SUBSETS),
            "empty_layers": {key: ["conv3.weight"] for key in empty},
            "losses": {key: [0.693, 0.694] for key in losses},
        },
    }


def comparison(methods=("rtl", "imp_single"), seeds=(0, 1), levels=(0.5, 0.75), **what):
    return [found(m, seed, level, **what) for m in methods for seed in seeds for level in levels]


def lines(*arguments) -> list[str]:
    return doubt_lines({"doubts": doubts_table(*arguments)})


@pytest.mark.parametrize("what", [{}, {"chance": None, "value": 0.1}, {"value": 0.1, "higher_is_better": False}])
@pytest.mark.parametrize("instance", ["", "one"])
def test_nothing_is_said_in_the_normal_case_or_where_chance_is_not_known(what, instance):
    table = doubts_table(comparison(instance=instance, **what), comparison(("rtl",), levels=(0.9,), **what))
    columns = ["method", "sparsity", "kind", "metrics", "text"]
    assert table.empty and list(table) == [*(["instance"] if instance else []), *columns]
    assert doubt_lines({}) == []


def test_what_holds_of_everything_is_one_line_of_each_kind():
    everything = comparison(value=0.45, empty=SUBSETS, losses=SUBSETS)
    assert lines(everything, []) == [
        "every method and level: all 24 tickets have a layer without a single weight (conv3): without a way around it, "
        "every input is answered alike",
        "every method and level: the loss of all 24 tickets did not fall in training (0.693 before, 0.694 after, on "
        "average)",
        "every score of matched AUROC is at chance: nothing was learned, or the metric cannot tell",
    ]
    assert lines(comparison(value=0.7, metric="mse", higher_is_better=False), []) == [
        "every score of matched MSE is at chance: nothing was learned, or the metric cannot tell"
    ]


def test_one_method_at_one_level_has_a_line_of_each_kind_over_its_seeds():
    rest = [one for one in comparison() if one["doubts"]["method"] != "rtl" or one["doubts"]["sparsity"] != 0.75]
    bad = [found("rtl", 0, 0.75, 0.48, empty=["b"]), found("rtl", 1, 0.75, 0.45, empty=["a", "b"], losses=["c"])]
    table = doubts_table([*rest, *bad], [])
    assert list(table.text) == [
        "RTL at 75 %: 3 of 6 tickets (b and a; seeds 0 and 1) have a layer without a single weight (conv3): without a "
        "way around it, every input is answered alike",
        "RTL at 75 %: the loss of 1 of 6 tickets (c; seed 1) did not fall in training (0.693 before, 0.694 after, on "
        "average)",
        "RTL at 75 %: matched AUROC is at chance",
    ]
    assert set(table.method) == {"rtl"} and set(table.sparsity) == {0.75} and table.kind.is_unique


def test_levels_that_are_only_examined_for_collapse_share_one_line():
    examined = comparison(("rtl",), levels=(0.9,)) + comparison(("rtl",), levels=(0.97, 0.99), value=0.48, empty=["a"])
    assert lines(comparison(), examined) == [
        "RTL, pruned on to see when tickets collapse: at 97 % 2 of 6 tickets (a; seeds 0 and 1) have a layer without a "
        "single weight (conv3), matched AUROC is at chance; at 99 % 2 of 6 tickets (a; seeds 0 and 1) have a layer "
        "without a single weight (conv3), matched AUROC is at chance"
    ]


def test_a_run_tells_of_all_instances_and_each_of_its_own():
    bad = {"value": 0.48, "empty": ["a"]}
    parts = [comparison(instance=name, **(bad if name == "temple" else {})) for name in ("temple", "flower", "harbour")]
    table = doubts_table([one for part in parts for one in part], [])
    told = doubt_lines({"doubts": table})
    assert len(told) == 5 and told[4] == "1 of 3 instances have scores at chance of their own: temple"
    assert all("2 of 18 tickets (temple; a; seeds 0 and 1)" in line for line in told[:4])
    own = table[table.instance == "temple"].drop(columns="instance")
    assert doubt_lines({"doubts": own}) == lines(parts[0], [])
    assert doubt_lines({"doubts": own})[-1].startswith("every score of matched AUROC is at chance")
    assert set(table.instance.dropna()) == {"temple"}


def test_a_line_names_the_first_few_tickets_however_many_there_are():
    one = found(empty=SUBSETS)
    names = [f"subset {number}" for number in range(100)]
    one["doubts"] |= {"tickets": names, "empty_layers": {key: ["conv3.weight"] for key in names[:99]}}
    (line,) = lines([one, found("imp_single")], [])
    assert "99 of 100 tickets (subset 0, subset 1, subset 2, subset 3, subset 4 and 94 more; seed 0)" in line
