"""What happens to extraction when the alarm rings."""

import json

import pytest

from flows.collapse_watch import CollapseWatch
from rtl_core.errors import RtlError
from tasks.process.status import status_lines

SPARSITIES = [round(0.05 * number, 2) for number in range(1, 17)]
LEVELS = {4: 0.2, 10: 0.5, 16: 0.8}
ROUNDS = [
    {"number": number, "count": 5, "remaining": 100 - 5 * number, "sparsity": LEVELS.get(number), "rewinds": True}
    for number in range(1, 17)
]
QUIET = [0.24, 0.25, 0.245, 0.24, 0.25, 0.245, 0.25, 0.24, 0.245, 0.25, 0.24, 0.245, 0.25, 0.24, 0.245, 0.25]
RISING = [*QUIET[:12], 0.35, 0.45, 0.55, 0.65]


def follow(policy, values, order=None):
    watch = CollapseWatch(ROUNDS, [0], policy)
    rang = [
        number
        for number in order or range(1, 17)
        if watch.measured(0, number, {"departure": values[number - 1], "excess": 0.9})
    ]
    return watch, rang


def test_a_quiet_trajectory_is_kept_whole():
    watch, rang = follow("stop", QUIET)
    assert rang == [] and watch.last_round == 16
    assert json.loads(watch.record()) == {"levels": [0.2, 0.5, 0.8], "rounds": SPARSITIES, "alarms": {"0": None}}
    assert status_lines() == ["seed 0: excess similarity .900, no alarm"]
    with watch:
        pass
    assert status_lines() == []


def test_stop_keeps_the_levels_before_the_alarm_and_warn_keeps_all(capsys):
    stopped, rang = follow("stop", RISING)
    assert len(rang) == 1
    found = json.loads(stopped.record())
    assert found["levels"] == [0.2, 0.5] and found["rounds"] == SPARSITIES[:10]
    assert found["alarms"]["0"] == {"knee": 12, "rung": rang[0], "side": "rise", "sparsity": 0.6}
    assert stopped.ends_after == rang[0]
    with stopped:
        pass
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2 and "rises from round 12 on (60 % sparsity)" in told[0]
    assert told[1].startswith("extraction ends at 50 % sparsity")
    stopped, _ = follow("stop", RISING)
    assert status_lines() == ["seed 0: excess similarity .900, ALARM, rise from 60 %"]
    warned, _ = follow("warn", RISING)
    assert warned.last_round == 16 and json.loads(warned.record())["levels"] == [0.2, 0.5, 0.8]


def test_the_order_in_which_rounds_end_does_not_matter():
    shuffled, rang = follow("stop", RISING, [2, 1, 3, 4, 6, 5, *range(7, 13), 14, 13, 16, 15])
    assert len(rang) == 1
    assert shuffled.alarms[0].knee == 12 and shuffled.last_round == 10


def test_of_many_instances_each_is_named_and_only_those_under_way_have_a_line(capsys):
    def line(name):
        return f"{name}, seed 0: excess similarity .900, no alarm"

    def lines():
        return [said for said in status_lines() if not said.startswith("seed")]  # what other tests left

    watches = {name: CollapseWatch(ROUNDS, [0], "stop", name) for name in ("first", "second", "third")}
    for number in range(1, 17):
        watches["first"].measured(0, number, {"departure": QUIET[number - 1], "excess": 0.9})
        assert lines() == ([line("first")] if number < 16 else [])
    for name in ("second", "third"):
        watches[name].measured(0, 1, {"departure": QUIET[0], "excess": 0.9})
    assert lines() == [line("second"), line("third")]
    for number in range(2, 17):
        if number <= watches["third"].ends_after:
            watches["third"].measured(0, number, {"departure": RISING[number - 1], "excess": 0.9})
    assert lines() == [line("second")]
    for watch in watches.values():
        with watch:
            pass
    assert lines() == []
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("third, seed 0: the similarity of masks rises")
    assert told[1].startswith("third, extraction ends at 50 % sparsity")
    watches["third"].rounds = [r | {"sparsity": 0.8 if r["number"] == 16 else None} for r in ROUNDS]
    with pytest.raises(RtlError, match=r"^third, extraction: "):
        watches["third"].record()


def test_no_level_before_the_alarm_is_one_line():
    watch = CollapseWatch([r | {"sparsity": 0.8 if r["number"] == 16 else None} for r in ROUNDS], [0], "stop")
    for number, value in enumerate(RISING, start=1):
        watch.measured(0, number, {"departure": value, "excess": 0.9})
    with pytest.raises(RtlError, match="after round 12, before the first level"):
        watch.record()


def test_which_of_two_seeds_is_faster_does_not_matter():
    later = [*QUIET[:10], 0.35, 0.45, 0.55, 0.65, 0.75, 0.85]
    records = []
    for ahead in (0, 1):
        watch = CollapseWatch(ROUNDS, [0, 1], "stop")
        for seed in (ahead, 1 - ahead):
            for number in range(1, 17):
                if number <= watch.ends_after:
                    values = (RISING, later)[seed]
                    watch.measured(seed, number, {"departure": values[number - 1], "excess": 0.9})
        records.append(watch.record())
    assert records[0] == records[1]
    assert json.loads(records[0])["alarms"]["0"] is None and json.loads(records[0])["alarms"]["1"]["knee"] == 10
