"""How long methods trained: whose masks count, what is not known, and that seconds are in no key."""

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
    late = results | {("start", 1, "rtl"): taking(5.0)}
    assert mask_seconds(late, "rtl", {0.25: 1}) == {(0, 0.25): 20.0, (1, 0.25): 25.0}


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
    assert times.empty and list(times) == ["method", "seed", "sparsity", "seconds"]
    keep_training_times("digits", "extract", [Training("a", "rtl", 0, 0.5, "masks", 1.0)])
    keep_training_times("digits", "retrain", [Training("a", "rtl", 0, 0.5, "training", 1.0)])
    assert read_training_times("digits").to_dict("records") == [
        {"instance": "a", "method": "rtl", "seed": 0, "sparsity": 0.5, "seconds": 2.0}
    ]
    assert seconds_of([{"sha256": "0"}]) == 0


def test_how_long_something_took_is_in_no_key_of_what_is_made_from_it():
    keys = {
        extract_round.cache_policy.key_of("extract_round", {"previous": {"sha256": digest, **besides}})
        for digest in ("0" * 64, "1" * 64)
        for besides in ({}, {"seconds": 1.0}, {"seconds": 2.0, "path": "somewhere"})
    }
    assert len(keys) == 2
