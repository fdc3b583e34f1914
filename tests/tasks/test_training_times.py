"""How long methods trained: whose masks count, what is not known, and that seconds are in no key."""

import pandas as pd
import pytest

from tasks.extract_round import extract_round
from tasks.jobs.training_times import (
    Training,
    all_seconds,
    keep_training_times,
    mask_seconds,
    read_training_times,
    seconds_of,
)
from tasks.report.description import times_of
from tasks.tables.scores import parameters_table, to_csv
from tasks.tracking.metrics import cost_metrics


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def taking(seconds):
    return {"sha256": "0" * 64, "seconds": seconds}


def test_masks_of_a_level_took_all_rounds_of_all_chains_until_there():
    results = {
        ("rtl", seed, chain, number): taking(10**number) for seed in (0, 1) for chain in "ab" for number in (1, 2)
    } | {("masks", "rtl", 0, 1): {"sha256": ""}, ("imp_single", 0, "all", 1): taking(7.0)}
    assert mask_seconds(results, "rtl", {0.25: 1, 0.5: 2}) == {
        (seed, level): seconds for seed in (0, 1) for level, seconds in ((0.25, 20.0), (0.5, 220.0))
    }


def test_a_method_takes_over_the_time_of_the_masks_that_it_works_under(project):
    masks = [Training("", "rtl", 0, level, "masks", 100.0) for level in (0.25, 0.5)]
    keep_training_times("digits", "extract", masks)
    keep_training_times("digits", "retrain", [Training("", "rtl_sequential", 0, 0.5, "training", 1.0)])
    keep_training_times(
        "digits",
        "baselines",
        [
            Training("", "imp_multiple", 0, 0.5, "training", 2.0),
            Training("", "imp_single", 0, 0.5, "training", 3.0),
            Training("", "imp_single", 0, 0.5, "masks", 50.0),
            Training("", "imp_multiple", 1, 0.5, "training", 2.0),
        ],
    )
    times = read_training_times("digits").set_index(["method", "seed", "sparsity"]).seconds
    assert times.to_dict() == {
        ("rtl_sequential", 0, 0.5): 101.0, ("imp_multiple", 0, 0.5): 102.0, ("imp_single", 0, 0.5): 53.0,
    }  # fmt: skip
    assert all_seconds("digits") == 100 + 50 + 1 + 2 + 3 + 2


def test_what_was_not_trained_here_has_no_time(project):
    times = read_training_times("digits")
    assert times.empty and list(times) == ["instance", "method", "seed", "sparsity", "seconds"]
    trained = {"method": "rtl", "seed": 0, "sparsity": 0.5, "steps": [40, 60], "presentations": 80}
    of_instances = pd.DataFrame({"instance": ["a", "b"], **trained, "multiply_adds": float("nan")})
    for parameters in (of_instances, of_instances.drop(columns="instance")):
        costs = cost_metrics(parameters, times)
        assert dict(zip(costs.name, costs.value, strict=True)) == {"cost/steps": 50, "cost/presentations": 80}
    assert times_of(times) == []
    keep_training_times("digits", "extract", [Training("a", "rtl", 0, 0.5, "masks", 1.0)])
    keep_training_times("digits", "retrain", [Training("a", "rtl", 0, 0.5, "training", 1.0)])
    assert read_training_times("digits").to_dict("records") == [
        {"instance": "a", "method": "rtl", "seed": 0, "sparsity": 0.5, "seconds": 2.0}
    ]
    assert seconds_of([{"sha256": "0"}]) == 0
    keep_training_times("digits", "baselines", [Training("a", "left the list", 0, 0.5, "training", 1.0)])
    assert list(read_training_times("digits").method) == ["rtl"]


def test_what_was_not_counted_is_an_empty_cell():
    counted = {"method": "rtl", "steps": 40, "presentations": 80, "multiply_adds": 7 * 10**15}
    unknown = [counted | {"multiply_adds": None}, counted | {"presentations": None}]
    lines = to_csv(parameters_table([counted, *unknown])).decode().splitlines()
    ends = [line.rsplit(",", 2)[1:] for line in lines]
    assert ends == [["presentations", "multiply_adds"], ["80", f"{7 * 10**15}"], ["80", ""], ["", f"{7 * 10**15}"]]


def test_a_method_pays_each_start_once_and_what_its_tickets_were_trained_for(project):
    def keep_extracted(*starts):
        masks = [Training("", "rtl", 0, 0.5, "masks", 10.0), Training("", "same_subset", 0, 0.5, "masks", 4000.0)]
        keep_training_times("digits", "extract", [*starts, *masks])

    keep_extracted(Training("", "rtl", 0, 0.0, "start", 1.0))
    updates = [("rtl_sequential", 1000.0), ("rtl", 2000.0)]
    keep_training_times("digits", "retrain", [Training("", name, 0, 0.5, "training", took) for name, took in updates])
    single = [Training("", "imp_single", 0, 0.0, "start", 2.0), Training("", "imp_single", 0, 0.5, "masks", 20.0)]
    controls = ["imp_single", "imp_single_union", "imp_multiple", "shared_mask", "random_masks", "shared_statistics"]
    trained = [Training("", method, 0, 0.5, "training", 100.0) for method in controls]
    keep_training_times("digits", "baselines", [*single, *trained])
    times = read_training_times("digits").set_index("method").seconds
    assert times.to_dict() == {
        "rtl_sequential": 1 + 10 + 1000, "rtl": 1 + 10 + 2000, "imp_single": 2 + 20 + 100,
        "imp_single_union": 1 + 2 + 10 + 100, "imp_multiple": 1 + 10 + 100, "shared_mask": 1 + 2 + 20 + 100,
        "random_masks": 1 + 10 + 100, "shared_statistics": 1 + 10 + 1000 + 100,
    }  # fmt: skip
    assert all_seconds("digits") == 1 + 10 + 4000 + 1000 + 2000 + 2 + 20 + 6 * 100
    keep_extracted()
    assert list(read_training_times("digits").method) == ["imp_single"]  # RTL's start was trained elsewhere


def test_how_long_something_took_is_in_no_key_of_what_is_made_from_it():
    keys = {
        extract_round.cache_policy.key_of("extract_round", {"previous": {"sha256": digest, **besides}})
        for digest in ("0" * 64, "1" * 64)
        for besides in ({}, {"seconds": 1.0}, {"seconds": 2.0, "path": "somewhere"})
    }
    assert len(keys) == 2
