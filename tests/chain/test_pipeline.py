"""The whole chain as users start it: real Prefect, real DVC, real MLflow, on digits cut small."""

import hashlib
import json
import re
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch
import yaml
from few_digits import METHODS, SETTINGS, few_digits_project, finished_few_digits
from mlflow.tracking import MlflowClient

from rtl_core.baselines import imp_single
from rtl_core.construction import initial_weights
from rtl_core.duration import Duration
from rtl_core.extraction import extract_tickets
from rtl_core.isolation import OptimizerChoice
from rtl_core.one_network import as_one_network
from rtl_core.problems.digits import Digits
from rtl_core.pruning import plan_rounds
from rtl_core.randomness import Stream
from rtl_core.ticket_file import masks_from_bytes, tickets_from_bytes, tickets_to_bytes, without_about
from tasks.jobs.training_times import read_training_times

PAIRS = 3
"""Of the three digits."""


@pytest.fixture(scope="module")
def finished(repository, tmp_path_factory):
    """A project in which the pipeline has run once, start to end."""
    return finished_few_digits(repository, tmp_path_factory.mktemp("finished"))


def test_the_tables_that_others_rely_on(finished, monkeypatch):
    artifacts = finished.folder / "artifacts/digits"
    results = pd.read_csv(artifacts / "tables/results.csv")
    assert list(results) == ["problem", "method", "seed", "sparsity", "protocol", "metric", "subset", "value"]
    assert set(results.method) == {"rtl", *METHODS}
    assert set(results.protocol) == {"paper", "matched", "routed"}
    names = {"balanced_accuracy", "precision", "recall", "auroc", "average_precision", "accuracy"}
    assert set(results.metric) == names
    assert set(results.subset) == {"mean", *(f"digit {k}" for k in range(3))}
    assert results.value.between(0, 1).all()
    assert not results.duplicated(list(results)[:-1]).any()
    parameters = pd.read_csv(artifacts / "tables/parameters.csv")
    assert list(parameters) == [
        "method", "seed", "sparsity", "prunable", "union", "active_mean", "dense", "file_bytes", "steps",
        "presentations", "multiply_adds",
    ]  # fmt: skip
    passes = 3 * 119_904 - 9 * 16 * 64  # the same for all methods, whatever is masked
    expected = (passes * parameters.presentations).tolist()
    assert parameters.multiply_adds.tolist() == pytest.approx(expected, abs=passes / 2)  # of one that is rounded
    expected = parameters.prunable - (parameters.sparsity * parameters.prunable).round()
    assert (parameters.active_mean == expected).all()
    single = parameters[parameters.method == "imp_single"]
    assert (single["union"] == single.active_mean).all()
    several = parameters[parameters.method == "imp_multiple"]
    assert (several["union"] == 3 * several.active_mean).all()
    places = set(zip(parameters.method, parameters.seed, parameters.sparsity, strict=True))
    monkeypatch.chdir(finished.folder)
    times = read_training_times("digits")
    assert set(zip(times.method, times.seed, times.sparsity, strict=True)) == places and (times.seconds > 0).all()
    similarity = pd.read_csv(artifacts / "tables/similarity.csv")
    assert list(similarity) == [
        "masks", "seed", "sparsity", "layer", "jaccard", "chance", "excess", "departure", "union",
    ]  # fmt: skip
    assert set(similarity.masks) == {"rtl", "initial_magnitude"} and similarity.sparsity.nunique() == 3
    pairs = pd.read_parquet(artifacts / "tables/pairs.parquet")
    depths_and_layers = 4 + 3
    assert len(pairs) == 2 * 3 * PAIRS * depths_and_layers
    overall = pairs[pairs.layer == "all"].groupby(["seed", "sparsity"]).jaccard.mean()
    assert similarity.query("masks == 'rtl' and layer == 'all'").jaccard.tolist() == pytest.approx(overall.tolist())


def test_the_table_of_contexts_that_are_told(finished):
    tables = finished.folder / "artifacts/digits/tables"
    routing, results = (pd.read_csv(tables / f"{name}.csv", keep_default_na=False, na_values=[""]) for name in (
        "routing", "results",
    ))  # fmt: skip
    assert list(routing) == [
        "method", "seed", "sparsity", "router", "batch", "subset", "found", "routed", "known",
    ]  # fmt: skip
    places = {router: {*zip(rows.method, rows.seed, strict=True)} for router, rows in routing.groupby("router")}
    tickets = {("rtl", 0), ("rtl", 1)}
    assert places == {
        "confidence": tickets, "superposition": {("rtl", 0)},
        "none": {("imp_single", 0), ("imp_single", 1)},
    }  # fmt: skip
    assert set(routing.batch) == {1, 8} and routing.routed.between(0, 1).all() and routing.known.isna().all()
    told = routing[routing.router != "none"]
    assert (told.found == told.routed).all() and routing.found[routing.router == "none"].isna().all()
    keys = ["method", "seed", "sparsity", "subset"]
    alone = routing[(routing.batch == 1) & (routing.router != "superposition")]
    both = results[results.protocol == "routed"].merge(alone, on=keys)
    assert len(both) == len(alone) and (both.value == both.routed).all()
    accuracy = results.query("method == 'imp_single' and metric == 'accuracy' and subset == 'mean'")
    matched, routed = (accuracy[accuracy.protocol == name].value.to_numpy() for name in ("matched", "routed"))
    assert routed == pytest.approx(matched, abs=0.02)  # the one over contexts, the other over images


def test_the_tables_of_the_collapse_analysis(finished):
    artifacts = finished.folder / "artifacts/digits"
    collapse, knees = pd.read_csv(artifacts / "tables/collapse.csv"), pd.read_csv(artifacts / "tables/knees.csv")
    assert set(collapse.method) == {"rtl"} and set(collapse.sparsity) == {0.4, 0.7}
    results = pd.read_csv(artifacts / "tables/results.csv")
    same = collapse.merge(results[results.protocol == "paper"], on=["method", "seed", "sparsity", "subset", "metric"])
    assert len(same) == len(collapse) == 2 * 2 * 4 and (same.value_x == same.value_y).all()
    assert set(knees.curve) == {"metric", "departure", "excess", "alarm"}
    assert knees[knees.curve == "alarm"].sparsity.isna().all()
    function = pd.read_csv(artifacts / "tables/function.csv")
    assert len(function) == 2 * 2 * 9
    own = function[function.ticket == function.subset].merge(
        results[(results.metric == "auroc")], on=["method", "seed", "sparsity", "subset"]
    )
    assert own.value_x.tolist() == pytest.approx(own.value_y.tolist())
    agreement = pd.read_csv(artifacts / "tables/agreement.csv")
    assert len(agreement) == 2 * 2 * PAIRS and agreement.agreement.between(0, 1).all()
    assert len(pd.read_csv(artifacts / "tables/alignment.csv")) == 0
    assert json.loads((artifacts / "masks/levels.json").read_text())["levels"] == [0.4, 0.7]
    page = (artifacts / "report.html").read_text()
    assert "IMP multiple" in page and "collapse" in page
    assert {path.stem for path in (artifacts / "figures").iterdir()} == {
        "metrics", "parameters", "kept", "subsets", "similarity", "similarity_by_depth", "collapse", "worth",
        "heatmaps", "function",
    }  # fmt: skip


def test_the_published_masks_are_those_of_the_library_and_of_imp_multiple(finished):
    problem = Digits(finished.folder / "data/digits", batch_size=64, device="cpu")
    stream = Stream(1).at(problem="digits")
    rounds = plan_rounds(initial_weights(problem, stream).layout.size, SETTINGS["sparsities"], 0.4, 2)
    adam = OptimizerChoice("adam", 0.003)
    levels = extract_tickets(problem, rounds, Duration.parse("2it"), adam, stream)
    one = as_one_network(problem)
    single = extract_tickets(one, rounds, Duration.parse("4it"), adam, stream, method="imp_single")
    artifacts = finished.folder / "artifacts/digits"
    for sparsity, masks in levels.items():
        place = f"seed-1/sparsity-{100 * sparsity:g}"
        subsets, published = masks_from_bytes((artifacts / f"masks/rtl/{place}.safetensors").read_bytes(), "published")
        assert subsets == problem.subsets
        assert torch.equal(published.values, masks.values)
        for k, file in enumerate(sorted((artifacts / f"baselines/imp_multiple/{place}").iterdir())):
            alone = tickets_from_bytes(file.read_bytes(), file.name)
            assert alone.subsets == (subsets[k],)
            assert torch.equal(alone.masks[0], masks[k])
        (file,) = (artifacts / f"baselines/imp_single/{place}").iterdir()
        alone = imp_single(problem, single[sparsity], Duration.parse("6it"), adam, stream)
        assert alone.subsets == one.subsets and without_about(file.read_bytes(), "x") == tickets_to_bytes(alone)


def test_a_method_is_scored_once_and_its_files_say_what_the_tables_say(finished):
    scored = [name for name in finished.executed() if name.startswith("score ")]
    assert len(scored) == len(set(scored)) == 4 * 2 * 2
    artifacts = finished.folder / "artifacts/digits"
    results = pd.read_csv(artifacts / "tables/results.csv").set_index(
        ["method", "seed", "sparsity", "protocol", "metric", "subset"]
    )
    files = [*(artifacts / "tickets").rglob("*.safetensors"), *(artifacts / "baselines").rglob("*.safetensors")]
    digests = set()
    for file in files:
        about = tickets_from_bytes(file.read_bytes(), file.name).about
        digests.add(about.code.digest)
        for figures in about.scores:
            for context, value in zip(about.contexts, figures.contexts, strict=True):
                if value is not None:
                    place = (about.method, about.seed, about.sparsity, figures.protocol, figures.metric, context)
                    assert results.value[place] == pytest.approx(value, rel=1e-12)
    assert len(files) == 3 * 4 + 3 * 4 and len(digests) == 1


def test_every_end_of_a_task_run_is_recorded(finished):
    with closing(sqlite3.connect(finished.folder / ".rtl/prefect/prefect.db")) as database:
        states = dict(database.execute("select state_name, count(*) from task_run group by state_name"))
        told = [line for (line,) in database.execute("select message from log where message like '%steps kept'")]
    assert set(states) == {"Completed"}
    assert any(re.fullmatch(r"similarity of masks: ([1-9]\d*) of \d+ steps kept", x) for x in told)


def test_running_again_with_an_object_lost_executes_its_own_step_alone_and_neither_logs_nor_registers(finished):
    before, published = finished.executed(), finished.published()
    logged, models = finished.logged(), models_of(finished)
    page = (finished.folder / "artifacts/digits/report.html").read_bytes()
    masks = finished.folder / "artifacts/digits/masks/rtl/seed-1/sparsity-40.safetensors"
    digest = hashlib.sha256(masks.read_bytes()).hexdigest()
    (finished.folder / ".rtl/objects" / digest[:2] / digest).unlink()
    finished.flow("pipeline")
    assert finished.executed()[len(before) :] == ["masks of rtl, seed 1, sparsity 0.4"]
    assert finished.published() == published
    assert finished.logged() == logged and models_of(finished) == models
    assert [len(some) for some in models] == [1, 3]
    assert (finished.folder / "artifacts/digits/report.html").read_bytes() == page


def models_of(project):
    """The versions registered in MLflow, and the models that were logged."""
    client = MlflowClient(tracking_uri=f"sqlite:///{project.folder / 'mlflow.db'}")
    versions = client.search_model_versions("name = 'rtl-digits'")
    logged = client.search_logged_models([client.get_experiment_by_name("digits").experiment_id])
    return [one.version for one in versions], sorted(model.model_id for model in logged)


def is_json(record: Path) -> bool:
    """Whether a record is whole: those that were being written when the process was killed are not."""
    try:
        return bool(json.loads(record.read_bytes()))
    except ValueError:
        return False


def test_seeds_apart_give_the_bytes_of_seeds_together_also_after_kill_9_in_a_round(finished, repository, tmp_path):
    project = few_digits_project(repository, tmp_path, seeds=[1])
    project.flow("partition")
    running = subprocess.Popen(
        ["rtl", "run", "extract", "digits"],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.DEVNULL,
    )
    records = project.folder / ".rtl/records"
    while len(list(records.iterdir())) < 6:
        assert running.poll() is None
        time.sleep(0.01)
    servers = psutil.Process(running.pid).children()
    running.send_signal(signal.SIGKILL)
    running.wait()
    kept = sum(is_json(record) for record in records.iterdir())
    assert not (project.folder / "artifacts/digits/masks").exists()
    assert servers and psutil.wait_procs(servers, timeout=10)[1] == []  # they notice
    before = len(project.executed())
    project.flow("extract")
    rounds_masks_and_similarities = 3 * 3 + 3 * 2
    executed = project.executed()[before:]
    assert len(executed) == rounds_masks_and_similarities + 3 - kept  # what was kept holds the partition and two checks
    made, together = project.published(), finished.published()
    of_all_seeds = "artifacts/digits/masks/levels.json"
    assert len([name for name in made if "/code/" not in name]) == 1 + 3 + 1 and of_all_seeds in made
    assert all(together[name] == data for name, data in made.items() if name != of_all_seeds)
    levels, levels_together = (json.loads(files[of_all_seeds]) for files in (made, together))
    assert levels == levels_together | {"alarms": {"1": levels_together["alarms"]["1"]}}
    project.flow("retrain")
    of_seed = {name: data for name, data in project.published().items() if "seed-1" in name}
    assert len(of_seed) == 3 + 2
    assert all(together[name] == data for name, data in of_seed.items())


def test_dvc_repro_shares_every_step_and_then_has_nothing_to_do(finished):
    executed, logged = finished.executed(), finished.logged()
    for command in (
        ["git", "init", "--quiet"],
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", "add", "."],
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "first"],
        ["dvc", "repro"],
    ):
        finished.succeed(*command)
    assert finished.executed() == executed and finished.logged() == logged
    assert "up to date" in finished.succeed("dvc", "repro")
    title, *rows = finished.succeed("dvc", "metrics", "show").splitlines()
    assert title.split() == ["Path", "40", "%", "70", "%", "score"] and len(title) <= 120 >= max(map(len, rows))
    methods = pd.read_csv(finished.folder / "artifacts/digits/tables/results.csv").method.unique()
    assert [Path(row.split()[0]).stem for row in rows] == sorted(methods)


def test_retraining_settings_change_no_mask(finished):
    params = finished.folder / "params.yaml"
    before = params.read_text()
    changed = before.replace("duration: 3it", "duration: 4it", 1)
    params.write_text(changed)
    assert yaml.safe_load(changed)["digits"]["retrain"]["duration"] == "4it"
    output = finished.succeed("dvc", "repro", "--dry")
    assert "Stage 'extract@digits' didn't change, skipping" in output
    assert re.findall(r"Running stage '(\w+)@digits'", output) == ["retrain", "baselines", "compare"]
    params.write_text(before)


def test_a_flipped_byte_in_a_published_masks_file_is_named(finished):
    masks = finished.folder / "artifacts/digits/masks/rtl/seed-0/sparsity-40.safetensors"
    whole = masks.read_bytes()
    masks_from_bytes(whole, "whole")
    masks.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    done = finished.run("rtl", "run", "retrain", "digits")
    masks.write_bytes(whole)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "error: artifacts/digits/masks/rtl/seed-0/sparsity-40.safetensors: the content does not"
    )
    assert done.stderr.count("\n") == 1
