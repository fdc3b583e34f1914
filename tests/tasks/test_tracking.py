"""What a user finds in MLflow after a comparison."""

import itertools
import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pandas as pd
import pytest
from example_tables import scoring_of
from made_once import mlflow_tables
from mlflow.utils.validation import MAX_ENTITY_KEY_LENGTH, _validate_metric_name
from safetensors.numpy import save

from tasks.settings.sections import flat_settings
from tasks.tables.names import method_name
from tasks.tracking.comparison import is_logged, log_report, track
from tasks.tracking.extraction import LiveTracking
from tasks.tracking.first_view import compared_in
from tasks.tracking.metrics import alarm_tags, margin_metrics, metric_table, overall_metrics

METHODS = ["rtl", "rtl_sequential", "imp_single", "imp_multiple"]
NAMES = {method: method_name(method) for method in METHODS}
SPARSITIES = [0.25, 0.5, 0.75]
SUBSETS = [f"subset {number}" for number in range(5)]
SCORES = [("paper", "balanced_accuracy"), ("paper", "recall"), ("matched", "auroc")]
DIGEST = "0123456789abcdef" * 4
SETTINGS = {
    "problem": "rtl_core.problems.digits:Digits",
    "seeds": [0, 1],
    "retrain": {"duration": "3ep"},
    **{f"setting_{number}": number for number in range(120)},
}


def score(method: str, seed: int, sparsity: float) -> float:
    return 0.9 - 0.1 * METHODS.index(method) - 0.1 * sparsity + 0.02 * seed


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    runs = list(itertools.product(METHODS, [0, 1], SPARSITIES))
    return {
        "results": pd.DataFrame(
            {
                "problem": "digits",
                "method": method,
                "seed": seed,
                "sparsity": sparsity,
                "protocol": protocol,
                "metric": metric,
                "subset": subset,
                "value": score(method, seed, sparsity),
            }
            for method, seed, sparsity in runs
            for protocol, metric in SCORES
            for subset in [*SUBSETS, "mean"]
        ),
        "scoring": scoring_of(pd.DataFrame(SCORES, columns=["protocol", "metric"])),
        "parameters": pd.DataFrame(
            {
                "method": method,
                "seed": seed,
                "sparsity": sparsity,
                "prunable": 1000,
                "union": 900 + seed,
                "active_mean": 1000 * (1 - sparsity),
                "dense": 10,
                "file_bytes": 4096,
                "steps": 40,
                "presentations": 2000,
                "multiply_adds": 7e9,
            }
            for method, seed, sparsity in runs
        ),
        "similarity": pd.DataFrame(
            {
                "masks": masks,
                "seed": seed,
                "sparsity": sparsity,
                "layer": layer,
                "union": 900,
                "jaccard": 0.5 if (masks, layer) == ("rtl", "all") else 0.1,
                "chance": 0.3,
                "excess": 0.25,
            }
            for masks, seed, sparsity, layer in itertools.product(
                ["rtl", "same_subset"], [0, 1], SPARSITIES, ["all", "deep"]
            )
        ),
        "knees": pd.DataFrame(
            {"curve": "alarm", "method": method, "seed": seed, "sparsity": sparsity, "side": side}
            for method, seed, sparsity, side in [
                ("rtl", 0, 0.75, "rise"),
                ("rtl", 1, None, None),
                ("same_subset", 0, 0.25, "fall"),
            ]
        ),
        "margins": pd.DataFrame(
            {
                "method": method,
                "against": against,
                "sparsity": sparsity,
                "protocol": "matched",
                "metric": "auroc",
                "subset": "mean",
                "difference": sparsity / 2,
            }
            for method, against in [("rtl", "imp_single"), ("rtl", "imp_multiple"), ("imp_multiple", "imp_single")]
            for sparsity in SPARSITIES
        ),
    }


@pytest.fixture
def arguments(tables: dict[str, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(mlflow_tables(), tmp_path / "mlflow.db")
    (tmp_path / "data/digits").mkdir(parents=True)
    images = {"images": np.zeros((5, 1, 8, 8), np.uint8)}
    (tmp_path / "data/digits/images.safetensors").write_bytes(save(images))
    figures = tmp_path / "pictures"
    figures.mkdir()
    (figures / "metrics.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return {
        "problem": "digits",
        "tables": tables,
        "times": tables["parameters"][["method", "seed", "sparsity"]].assign(instance="", seconds=100.0),
        "settings": flat_settings(SETTINGS),
        "data_digest": DIGEST,
        "figures": figures,
        "tags": {"git_commit": "abc"},
        "verdict": "RTL is ahead.",
    }


def reopened(folder: Path) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")


def reopened_tags(run_id: str, folder: Path) -> dict[str, str]:
    return dict(reopened(folder).get_run(run_id).data.tags)


def test_a_comparison_is_one_parent_and_a_child_per_method_with_sparsity_as_step(
    arguments: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    parent_id = track(**arguments)
    assert capfd.readouterr() == ("", "")

    client = reopened(tmp_path)
    experiment = client.get_experiment_by_name("digits")
    runs = client.search_runs([experiment.experiment_id])
    children = {run.data.params["method"]: run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent_id}
    assert {method: run.info.run_name for method, run in children.items()} == NAMES
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert set(children) == set(METHODS) and len(runs) == 1 + len(METHODS) * (1 + len(SPARSITIES))

    parent = client.get_run(parent_id)
    assert parent.data.tags["git_commit"] == "abc" and parent.data.tags["data_sha256"] == DIGEST
    alarms = {name: tag for name, tag in parent.data.tags.items() if name.startswith("alarm")}
    assert alarms == {"alarm.seed_0": "rise from 75 %", "alarm.seed_1": "none"}
    assert not any(name.startswith("doubt") for name in parent.data.tags)
    assert parent.data.params == flat_settings(SETTINGS)
    assert parent.data.params["retrain.duration"] == "3ep" and parent.data.params["seeds"] == "[0, 1]"
    assert [file.path for file in client.list_artifacts(parent_id, "figures")] == ["figures/metrics.png"]
    for run in [parent, *children.values()]:
        (used,) = run.inputs.dataset_inputs
        assert (used.dataset.name, used.dataset.digest) == ("digits", DIGEST[:36])
        assert json.loads(used.dataset.source) == {"uri": "data/digits"}
        assert json.loads(used.dataset.schema)["mlflow_colspec"] == [
            {"name": "images.safetensors: images", "type": "U8 [5, 1, 8, 8]"}
        ]
        assert json.loads(used.dataset.profile)["subsets"] == len(SUBSETS)

    rtl = children["rtl"]
    assert rtl.data.params == {"method": "rtl", **flat_settings(SETTINGS)}
    history = client.get_metric_history(rtl.info.run_id, "paper/balanced_accuracy")
    assert {point.step: point.value for point in history} == {
        round(100 * sparsity): pytest.approx(score("rtl", 0, sparsity) + 0.01) for sparsity in SPARSITIES
    }
    assert rtl.data.metrics["paper/balanced_accuracy_std"] == pytest.approx(0.02 / 2**0.5)
    assert rtl.data.metrics["matched/auroc/subset 4"] == pytest.approx(score("rtl", 0, 0.75) + 0.01)
    assert rtl.data.metrics["parameters/union"] == 900.5
    assert rtl.data.metrics["similarity/jaccard"] == 0.5
    assert "similarity/jaccard" not in children["imp_multiple"].data.metrics
    margins = client.get_metric_history(rtl.info.run_id, "margin/imp_single/auroc")
    assert {point.step: point.value for point in margins} == {25: 0.125, 50: 0.25, 75: 0.375}
    assert rtl.data.metrics["margin/imp_multiple/auroc"] == 0.375
    assert not any(name.startswith("margin") for name in children["imp_single"].data.metrics)


def test_runs_last_as_long_as_training_did_and_say_how_fast_it_went(arguments: dict[str, Any], tmp_path: Path) -> None:
    times = arguments["times"].query("method != 'imp_multiple'")
    arguments["times"] = times.assign(seconds=100 * times.sparsity)
    parent_id = track(**arguments)
    client = reopened(tmp_path)
    runs = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    lasted = {run.info.run_name: (run.info.end_time - run.info.start_time) / 1000 for run in runs}
    assert lasted["RTL 25 %"] == pytest.approx(2 * 25, abs=5) and lasted["RTL"] == pytest.approx(2 * 75, abs=15)
    assert lasted["IMP multiple"] < 15 > lasted["digits"]
    of_level = {run.info.run_name: run.data.metrics for run in runs}
    assert of_level["RTL 50 %"]["cost/seconds"] == 50 and of_level["RTL 50 %"]["cost/presentations"] == 2000
    assert of_level["RTL 50 %"]["speed/presentations_per_second"] == 40
    assert (
        of_level["RTL 50 %"]["cost/multiply_adds"] == 50 * of_level["RTL 50 %"]["speed/multiply_adds_per_second"] == 7e9
    )
    assert of_level["RTL 50 %"]["speed/steps_per_second"] == 0.8
    unknown = of_level["IMP multiple 50 %"]
    assert unknown["cost/steps"] == 40 and not {"cost/seconds", "speed/steps_per_second"} & unknown.keys()
    assert client.get_run(parent_id).info.status == "FINISHED"


def test_a_method_run_carries_its_tables_and_pictures_and_the_comparison_is_known_again_until_it_is_deleted(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    for name in ("kept", "similarity"):
        (arguments["figures"] / f"{name}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    arguments["tables"]["exhibits"] = pd.DataFrame(
        {"instance": "", "method": "imp_single", "seed": seed, "sparsity": 0.75, "exhibit": "roof", "png": b"picture"}
        for seed in (0, 1)
    )
    run_id = track(**arguments)
    client = reopened(tmp_path)
    runs = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    carried = {
        run.info.run_name: {
            file.path for folder in client.list_artifacts(run.info.run_id)
            for file in client.list_artifacts(run.info.run_id, folder.path)
        }
        for run in runs if run.info.run_name in ("RTL", "IMP single")
    }  # fmt: skip
    of_all = {"tables/results.csv", "tables/parameters.csv", "figures/metrics.png", "figures/kept.png"}
    assert carried["RTL"] == of_all | {"tables/margins.csv", "figures/similarity.png"}
    assert carried["IMP single"] == of_all | {"pictures/roof-sparsity-75.png"}
    (rtl,) = (run for run in runs if run.info.run_name == "RTL")
    table = pd.read_csv(Path(client.download_artifacts(rtl.info.run_id, "tables/results.csv")))
    expected = arguments["tables"]["results"].query("method == 'rtl'").reset_index(drop=True)
    pd.testing.assert_frame_equal(table, expected)

    assert not is_logged(run_id, "identity")
    (tmp_path / "report.html").write_text("page")
    log_report(run_id, [tmp_path / "report.html"], "identity")
    assert is_logged(run_id, "identity")
    assert not is_logged(run_id, "another") and not is_logged("0" * 32, "identity")
    client.delete_run(run_id)
    assert not is_logged(run_id, "identity")


@pytest.mark.slow
def test_the_experiment_has_a_view_of_the_newest_comparison_with_the_best_first(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    scoring = arguments["tables"]["scoring"]
    for is_lower, parent_id in ((False, track(**arguments)), (True, None)):
        if is_lower:
            arguments["tables"]["scoring"] = scoring.assign(higher_is_better=False)
            parent_id = track(**arguments)
        experiment = reopened(tmp_path).get_experiment_by_name("digits")
        view = json.loads(experiment.tags["mlflow.sharedViewState.rtl"])
        assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
        found = reopened(tmp_path).search_runs([experiment.experiment_id], view["searchFilter"])
        assert {run.info.run_name for run in found} == {
            f"{name} {round(100 * sparsity)} %" for name in NAMES.values() for sparsity in SPARSITIES
        }
        assert {run.data.tags["rtl.comparison_run"] for run in found} == {parent_id}
        assert (view["orderByKey"], view["orderByAsc"]) == ("metrics.`matched/auroc`", is_lower)
        assert compared_in() == {"digits": experiment.experiment_id}


def of_rtl(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """What there is of one method."""
    return {name: table[table.method == "rtl"] if "method" in table else table for name, table in tables.items()}


def test_doubts_are_tags_of_the_parent_cut_to_what_a_tag_may_hold(arguments: dict[str, Any], tmp_path: Path) -> None:
    arguments["tables"] = of_rtl(arguments["tables"])
    lines = ["every score of matched AUROC is at chance", "x" * 9000]
    arguments["tables"]["doubts"] = pd.DataFrame({"instance": [None, None, "one"], "text": [*lines, "its own"]})
    tags = reopened_tags(track(**arguments), tmp_path)
    doubts = {name: text for name, text in tags.items() if name.startswith("doubt")}
    assert doubts == {"doubt.1": lines[0], "doubt.2": "x" * 5000}


def test_levels_within_one_percent_are_runs_of_their_own(arguments: dict[str, Any], tmp_path: Path) -> None:
    arguments["tables"] = {
        name: table.replace({"sparsity": {0.25: 0.504}}) for name, table in of_rtl(arguments["tables"]).items()
    }
    track(**arguments)
    client = reopened(tmp_path)
    runs = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    found = {
        run.info.run_name: (run.data.params["sparsity"], run.data.metrics["parameters/active_mean"])
        for run in runs
        if run.data.params.get("method") == "rtl" and "sparsity" in run.data.params
    }
    assert found == {"RTL 50 %": ("0.5", 500), "RTL 50.4 %": ("0.504", 750), "RTL 75 %": ("0.75", 250)}


def test_below_a_method_is_a_run_per_level_and_the_parent_links_to_all_side_by_side(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    results, similarity = arguments["tables"]["results"], arguments["tables"]["similarity"]
    between_levels = similarity.query("sparsity == 0.25").assign(sparsity=0.1)
    arguments["tables"] |= {
        "results": results.assign(value=results.value.where(results.metric != "recall")),
        "similarity": pd.concat([between_levels, similarity]),
    }
    parent_id = track(**arguments)
    client = reopened(tmp_path)
    runs = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    names = {run.info.run_id: run.info.run_name for run in runs}
    levels = {run.info.run_name: run for run in runs if "sparsity" in run.data.params}
    in_order = [f"{name} {round(100 * sparsity)} %" for name in NAMES.values() for sparsity in SPARSITIES]
    assert set(levels) == set(in_order)
    for name, run in levels.items():
        method, step = run.data.params["method"], name.split()[-2]
        assert names[run.data.tags["mlflow.parentRunId"]] == NAMES[method] == name.removesuffix(f" {step} %")
        sparsity = float(run.data.params["sparsity"])
        assert sparsity == int(step) / 100 and run.data.params["retrain.duration"] == "3ep"
        assert run.data.metrics["paper/balanced_accuracy"] == pytest.approx(score(method, 0, sparsity) + 0.01)
        (point,) = client.get_metric_history(run.info.run_id, "parameters/active_mean")
        assert (point.step, point.value) == (int(step), 1000 * (1 - sparsity))

    description = client.get_run(parent_id).data.tags["mlflow.note.content"]
    links = re.findall(r"\[([^]]+)\]\(#/([^?]+)\?([^)]+)\)", description)
    (text, page, query), *links = links
    assert (text, page) == ("charts", f"experiments/{client.get_run(parent_id).info.experiment_id}/runs")
    found = client.search_runs([page.split("/")[1]], parse_qs(query)["searchFilter"][0])
    assert {run.info.run_name for run in found} == set(NAMES.values())
    assert [(text, page) for text, page, _ in links] == [
        ("parallel coordinates", "compare-runs"),
        ("`paper/balanced_accuracy`", "metric"),
        ("`matched/auroc`", "metric"),
    ]
    shown = [[names[run] for run in json.loads(parse_qs(query)["runs"][0])] for _, _, query in links]
    assert shown == [in_order, list(NAMES.values()), list(NAMES.values())]
    assert description.startswith("RTL is ahead. ")


def test_a_comparison_that_fails_half_way_leaves_no_run_that_seems_to_be_running(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    from mlflow.exceptions import MlflowException

    margin = {"method": "imp_single", "against": "not*a*name", "sparsity": 0.25, "protocol": "paper"}
    margin |= {"metric": "recall", "subset": "mean", "difference": 0.1}
    arguments["tables"]["margins"] = pd.DataFrame([margin])
    with pytest.raises(MlflowException, match=r"not\*a\*name"):
        track(**arguments)

    client = reopened(tmp_path)
    runs = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    assert {run.info.run_name: run.info.status for run in runs} == {
        "digits": "FAILED",
        "RTL": "FINISHED",
        "RTL sequential": "FINISHED",
        **{f"{name} {step} %": "FINISHED" for name in ("RTL", "RTL sequential") for step in (25, 50, 75)},
        "IMP single": "FAILED",
    }


def test_a_database_elsewhere_has_its_artifacts_beside_it(
    arguments: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/elsewhere/runs.db")
    arguments["tables"] = of_rtl(arguments["tables"])
    track(**arguments)
    assert capfd.readouterr() == ("", "")  # though its tables are made first
    assert list((tmp_path / "elsewhere").rglob("metrics.png"))
    assert not (tmp_path / "mlartifacts").exists() and not list(tmp_path.glob("*.lock"))


def test_undefined_scores_single_seeds_and_one_subset_leave_no_metric_behind(
    tables: dict[str, pd.DataFrame],
) -> None:
    results, parameters = (table[table.seed == 0] for table in (tables["results"], tables["parameters"]))
    results = results.assign(value=results.value.where(results.metric != "auroc"))
    names = set(metric_table(results, parameters, tables["similarity"][:0])["name"])
    assert names == {
        "paper/balanced_accuracy",
        "paper/recall",
        *(f"paper/{metric}/{subset}" for metric in ("balanced_accuracy", "recall") for subset in SUBSETS),
        *(f"parameters/{count}" for count in ("union", "active_mean", "dense", "file_bytes")),
    }


def test_subsets_may_have_any_name(tables: dict[str, pd.DataFrame]) -> None:
    results = tables["results"].replace(
        {"subset": {"subset 0": "räder & (cars)", "subset 1": "фото", "subset 2": "a/"}}
    )
    names = set(metric_table(results, tables["parameters"], tables["similarity"])["name"])
    assert {"paper/recall/räder _ _cars_", "paper/recall/фото", "paper/recall/a_"} <= names


def test_no_two_subsets_share_a_metric_whatever_they_and_their_metric_are_called(
    tables: dict[str, pd.DataFrame],
) -> None:
    called = ["a b", "a, b", "a. b", "a/ b", "", "..", "पी", "पि", "x" * 300, "x" * 301]
    results = tables["results"].query("seed == 0 and method == 'rtl' and metric == 'recall'")
    (mean,) = results[(results.subset == "mean") & (results.sparsity == 0.25)].to_dict("records")
    rows = [mean, *(mean | {"subset": name, "value": 100.0 + place} for place, name in enumerate(called))]
    results = pd.DataFrame(rows).assign(metric="recall @ 5 %", protocol="my/protocol")
    table = metric_table(results, tables["parameters"][:0], tables["similarity"][:0]).set_index("name").value
    of_subsets = table[table >= 100]
    assert sorted(of_subsets) == [100.0 + place for place in range(len(called))]
    assert overall_metrics(results) == ["my_protocol/recall _ 5 _"] and table["my_protocol/recall _ 5 _"] < 1
    for name in table.index:
        _validate_metric_name(name)
        assert len(name) <= MAX_ENTITY_KEY_LENGTH


def test_a_slash_in_the_name_of_an_instance_makes_it_no_subset_of_another(tables: dict[str, pd.DataFrame]) -> None:
    results = tables["results"].query("seed == 0 and method == 'rtl' and metric == 'recall' and sparsity == 0.25")
    named = {("a", "b/c"): 5.0, ("a/b", "c"): 7.0, ("a/b/c", "mean"): 9.0}
    (mean,) = results[results.subset == "mean"].to_dict("records")
    rows = [mean | {"instance": one, "subset": subset, "value": value} for (one, subset), value in named.items()]
    empty = (tables[name][:0].assign(instance="") for name in ("parameters", "similarity"))
    table = metric_table(pd.DataFrame(rows), *empty).set_index("name").value
    assert table.drop("paper/recall").to_dict() == {
        "paper/recall/a_b_c": 9.0,
        "paper/recall/a/b_c": 5.0,
        "paper/recall/a_b/c": 7.0,
    }


def test_with_instances_each_has_its_own_mean_and_its_name_before_its_subsets(tables: dict[str, pd.DataFrame]) -> None:
    def of_both(table: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([table.assign(instance=name) for name in ("000000000139", "plage (été)")], ignore_index=True)

    results = of_both(tables["results"]).query("seed == 0 and method == 'rtl'")
    second = results.instance == "plage (été)"
    results = results.assign(value=results.value.where(~second, results.value + 0.2))
    table = metric_table(results, of_both(tables["parameters"]), of_both(tables["similarity"]))
    values = table[(table.method == "rtl") & (table.step == 25)].set_index("name")["value"]
    own = score("rtl", 0, 0.25)
    assert values["paper/recall"] == pytest.approx(own + 0.1)
    assert values["paper/recall_std"] == pytest.approx(0.2 / 2**0.5)
    assert values["paper/recall/000000000139"] == values["paper/recall/000000000139/subset 3"] == pytest.approx(own)
    assert values["paper/recall/plage _été_"] == pytest.approx(own + 0.2)
    assert "paper/recall/subset 3" not in values
    assert alarm_tags(of_both(tables["knees"]).query("instance != '000000000139'")) == {
        "alarm.plage _été_.seed_0": "rise from 75 %",
        "alarm.plage _été_.seed_1": "none",
    }


def test_a_figure_of_all_subsets_together_is_a_metric_without_subsets(tables: dict[str, pd.DataFrame]) -> None:
    results = tables["results"].query("subset == 'mean' or metric != 'recall'")
    names = set(metric_table(results, tables["parameters"], tables["similarity"])["name"])
    assert "paper/recall" in names and "paper/recall/subset 3" not in names


def test_an_extraction_is_logged_round_by_round_once_and_stopped_by_nothing(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(mlflow_tables(), tmp_path / "mlflow.db")
    for turn in range(2):
        with LiveTracking("digits", "same") as live:
            for sparsity in SPARSITIES:
                live.log(0, sparsity, {"jaccard": 0.9, "excess": 0.8 - sparsity, "departure": 0.2})
        client = reopened(tmp_path)
        (run,) = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
        assert (run.info.run_name, run.info.status) == ("extraction", "FINISHED"), turn
        history = client.get_metric_history(run.info.run_id, "similarity/excess/seed_0")
        assert {point.step: point.value for point in history} == pytest.approx({25: 0.55, 50: 0.3, 75: 0.05})
    instances = ["a b", "a,b", "a_b", "фото"]
    with LiveTracking("digits", "of instances", instances) as live:
        for place, instance in enumerate(instances):
            live.log(0, 0.25, {"jaccard": 0.9, "excess": float(place), "departure": 0.2}, instance)
    client = reopened(tmp_path)
    runs = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    (found,) = (run.data.metrics for run in runs if run.data.tags["rtl.extraction"] == "of instances")
    assert sorted(value for name, value in found.items() if "/excess/" in name) == [0.0, 1.0, 2.0, 3.0]
    assert found["similarity/excess/a_b/seed_0"] == 2.0 and found["similarity/excess/фото/seed_0"] == 3.0
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://nowhere")
    with LiveTracking("digits", "other") as live:
        live.log(0, 0.25, {"jaccard": 0.9, "excess": 0.8, "departure": 0.2})
    assert capfd.readouterr().err.startswith("warning: MLflow did not take the similarity of all rounds")


def test_margins_are_means_over_subsets_under_the_first_protocol(tables: dict[str, pd.DataFrame]) -> None:
    margins = tables["margins"]
    other = margins.assign(protocol="other", difference=9.0)
    found = margin_metrics(pd.concat([margins, other, margins.assign(subset="subset 1", difference=9.0)]))
    pd.testing.assert_frame_equal(found, margin_metrics(margins))
    assert margin_metrics(margins[:0]).empty
