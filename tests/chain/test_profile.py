"""Where the seconds of a stage went is known after it, without measuring it again."""

import json
import time

from tasks.process import computing_time
from tasks.process.computing_time import PARTS, spending, take_times


def test_a_stage_says_what_its_seconds_were_spent_on(one_level):
    stages = json.loads(one_level.succeed("rtl", "bench", "digits", "--profile", "--json"))
    (times,) = stages.values()
    assert list(stages) == ["pipeline"] and min(times.values()) > 0
    assert sum(times[part] for part in (*PARTS, "starting", "other")) >= 0.99 * times["seconds"]
    assert times["training"] + times["starting"] + times["other"] < times["seconds"]


def test_what_no_stage_left_is_one_line(one_level):
    refused = one_level.run("rtl", "bench", "image_regions", "--profile")
    assert refused.returncode == 1
    assert (
        refused.stderr
        == "error: image_regions: no stage has run here; run one first (rtl run pipeline image_regions)\n"
    )


def test_a_second_of_two_threads_is_one_second(monkeypatch):
    intervals = [("training", 0, 4), ("training", 1, 5), ("scoring", 5, 6), ("store", 3, 5.5), ("loading", 8, 9)]
    monkeypatch.setattr(computing_time, "_intervals", intervals)
    with spending("store"):
        time.sleep(0.01)
    times = take_times()
    (more,) = {round(times[name] - seconds, 6) for name, seconds in (("store", 2.5), ("known", 7))}
    assert more > 0 and times["computing"] == 6
    assert [times[part] for part in ("training", "scoring", "loading")] == [5, 1, 1]
    assert not any(take_times().values())
