"""Lower may be better: everything that compares finds the same of scores and of their negatives read the other way."""

import json

import pandas as pd
import pytest
from example_instances import job_tables, run_tables
from example_scenes import scene_tables
from example_tables import mirrored

from rtl_core.errors import DataError
from tasks.figures.catalogue import FIGURES, spec
from tasks.figures.scores_by_place import leaders
from tasks.tables.by_level import score_tables
from tasks.tables.collapse import correlation, function_table
from tasks.tables.directions import higher_is_better
from tasks.tables.published import of_instance, read_tables
from tasks.tables.scores import scoring_table, summary_table, to_csv
from tasks.tracking.metrics import direction_tags

LOWER = "(lower is better)"


def row(metric: str, higher: bool, chance: float | None = None, subset: str = "mean", **place: str):
    place = {"protocol": "any", "method": "rtl", **place}
    return {**place, "metric": metric, "subset": subset, "value": 1.0, "higher_is_better": higher, "chance": chance}


def drawn(tables, name: str):
    return spec(FIGURES[name].draw(tables))


def figure_text(tables, name: str) -> str:
    return json.dumps(drawn(tables, name), ensure_ascii=False)


@pytest.fixture(scope="module")
def job():
    return job_tables()


@pytest.fixture(scope="module")
def run():
    return run_tables()


def test_how_metrics_are_read_comes_back_from_its_file(tmp_path):
    rows = [
        row("NA", False, 2.0, "one"), row("NA", False, 0.5), row("auroc", True, 0.5, protocol="matched"),
        row("7", True), row("NA", False, 0.5, method="imp_single"),
    ]  # fmt: skip
    written = to_csv(scoring_table(rows))
    assert written.decode().splitlines() == [
        "protocol,metric,higher_is_better,chance", "any,NA,False,0.5", "matched,auroc,True,0.5", "any,7,True,",
    ]  # fmt: skip
    (tmp_path / "scoring.csv").write_bytes(written)
    read = read_tables(tmp_path, ["scoring"])["scoring"]
    assert to_csv(read) == written
    assert [higher_is_better(read, metric) for metric in ("NA", "auroc", "7")] == [False, True, True]
    with pytest.raises(DataError, match=r"scoring\.csv: gain: not found; allowed: NA, auroc, 7"):
        higher_is_better(read, "gain")


def test_metrics_stand_in_the_order_of_the_summary():
    rows = [
        row(metric, True, method=method, protocol=protocol) | {"seed": 0, "sparsity": 0.5}
        for method, metrics in (("rtl", "ba"), ("imp_single", "cab"))
        for metric in metrics
        for protocol in ("second", "first")
    ]
    summary = summary_table(pd.DataFrame(rows))[["protocol", "metric"]].drop_duplicates(ignore_index=True)
    pd.testing.assert_frame_equal(scoring_table(rows)[["protocol", "metric"]], summary)


def test_chance_is_the_mean_over_instances_and_empty_where_one_does_not_say():
    rows = [
        row("gain", True, chance, instance=name, method=m) for m in "xy" for name, chance in (("a", 0.2), ("b", 0.4))
    ]
    assert scoring_table(rows).chance.tolist() == pytest.approx([0.3])
    assert scoring_table([*rows, row("gain", True, None, instance="c")]).chance.isna().all()


@pytest.mark.parametrize(
    ("other", "line"),
    [
        (row("gain", False, 0.5, method="imp_single"), "higher_is_better: found True of rtl .* False of imp_single"),
        (row("gain", False, 0.5, protocol="other"), r"higher_is_better: found .*\(other protocol\); allowed: the same"),
        (row("gain", True, 0.4, method="imp_single"), "chance: found 0.5 of rtl .* and 0.4 of imp_single"),
    ],
)
def test_methods_that_disagree_on_how_a_metric_is_read_are_one_line(other, line):
    with pytest.raises(DataError, match=rf"^score\(\): gain: {line}"):
        scoring_table([row("gain", True, 0.5), other])


def test_tables_of_a_run_that_did_not_say_are_one_line(job, tmp_path):
    for name in ("results", "summary", "parameters"):
        job[name].to_csv(tmp_path / f"{name}.csv", index=False)
    with pytest.raises(DataError, match=r"scoring\.csv: not found; run `dvc repro` first"):
        read_tables(tmp_path, ["summary", "scoring", "margins", "parameters"])


def test_tickets_are_scored_across_subsets_under_a_metric_of_known_direction():
    across = {"method": "rtl", "seed": 0, "sparsity": 0.5, "subsets": ["a"], "metric": "gain", "scores": [[1.0]]}
    assert len(function_table([across], ["mse", "gain"])) == 1
    with pytest.raises(DataError, match=r"across_subsets\(\): metric: found 'gain'; allowed: those of score\(\), mse"):
        function_table([across], ["mse"])


@pytest.mark.parametrize("name", ["metrics", "kept", "instances", "worth"])
def test_figures_of_a_run_say_that_lower_is_better(run, name):
    assert LOWER in figure_text(mirrored(run), name) and LOWER not in figure_text(run, name)


@pytest.mark.parametrize("name", ["metrics", "kept", "subsets", "worth", "exhibits", "function"])
def test_figures_of_a_job_say_that_lower_is_better(job, name):
    assert LOWER in figure_text(mirrored(job), name) and LOWER not in figure_text(job, name)


def test_the_best_of_a_heatmap_has_the_strongest_colour(job):
    ends = [
        drawn(tables, "function")["concat"][0]["layer"][0]["encoding"]["color"]["scale"]["range"]
        for tables in (job, mirrored(job))
    ]
    assert ends[0][0] == ends[1][1] == "#ffffff" and ends[0] == ends[1][::-1]


def test_a_metric_of_which_lower_is_better_rises_where_tickets_collapse(job):
    higher, lower = (figure_text(tables, "collapse") for tables in (job, mirrored(job)))
    assert "metric falls: " in higher and LOWER not in higher
    assert "metric rises: " in lower and "metric falls" not in lower and LOWER in lower


def test_those_lead_that_are_best(run):
    level = pd.DataFrame({"instance": [*"aabbcc"], "name": ["X", "Y"] * 3, "value": [3, 1, 30, 31, 5, 4.9]})
    lower = leaders(level.assign(value=-level.value), "instance", higher_is_better=False)
    assert leaders(level, "instance", higher_is_better=False) == ["Y leads at 2 of 3", "X leads at 1 of 3"]
    assert lower == leaders(level, "instance", higher_is_better=True)
    subtitles = [
        [panel["title"]["subtitle"] for panel in drawn(tables, "instances")["concat"]]
        for tables in (run, mirrored(run))
    ]
    assert subtitles[0] == subtitles[1]


def test_worth_and_likeness_go_together_as_much_whatever_the_direction(job):
    rows = job["collapse"][job["collapse"].subset != "mean"]
    found = correlation(rows, "excess", higher_is_better=True)
    assert correlation(rows.assign(value=-rows.value), "excess", higher_is_better=False) == found != ""


def test_people_read_in_which_direction_a_metric_goes(job):
    sections = [list(table.sections) for table in score_tables(job["summary"], job["scoring"])]
    assert sections == [["PSNR, dB", "SSIM", "PSNR of a region, dB"]]
    scoring = job["scoring"].assign(higher_is_better=[True, False, True])
    sections = [list(table.sections) for table in score_tables(job["summary"], scoring)]
    assert sections == [["PSNR, dB", "SSIM (lower is better)", "PSNR of a region, dB"]]


def test_mlflow_is_told_of_which_metrics_lower_is_better():
    scoring = scoring_table([row("mse, all", False), row("auroc", True)])
    assert direction_tags(scoring) == {"direction.any/mse_ all": "lower is better"}
    assert direction_tags(scoring[1:]) == {}


def test_margins_of_one_instance_obey_the_direction():
    whole = scene_tables()
    tables = {name: table.assign(instance="a") for name, table in whole.items()} | {"scoring": whole["scoring"]}
    own = [of_instance(found, "a")["margins"] for found in (tables, mirrored(tables))]
    pd.testing.assert_frame_equal(*own)
