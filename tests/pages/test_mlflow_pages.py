"""How methods compare on MLflow's pages: a real tracking server with a database, a real browser, clicks counted."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import few_digits
import pandas as pd
import pytest
import yaml
from http_answers import HOST, answers, ask, free_ports, until
from made_once import mlflow_tables
from small_project import Project
from warm_start import warm

from tasks.settings.sections import flat_settings
from tasks.tables.names import method_name
from tasks.tracking.first_view import runs_page as table_of_runs

METHODS = ["rtl", *few_digits.METHODS]
NAMES = {method_name(method): method for method in METHODS}
STEPS = [40, 70]
DRAWN = "() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => plot.data)"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a tracking server that keeps runs in a database and artifacts in a folder of its own."""
    folder = tmp_path_factory.mktemp("tracking")
    (port,) = free_ports(1)
    address, output = f"http://{HOST}:{port}", folder / "server.txt"
    shutil.copy(mlflow_tables(), folder / "runs.db")
    with output.open("wb") as log:
        process = subprocess.Popen(
            [
                "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1",
                "--backend-store-uri", f"sqlite:///{folder / 'runs.db'}",
                "--artifacts-destination", str(folder / "artifacts"),
            ],
            env=warm(
                {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
            ),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        until(lambda: answers(f"{address}/health"), 90, output.read_text)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@pytest.fixture(scope="module")
def project(repository: Path, tmp_path_factory: pytest.TempPathFactory, server: str) -> Project:
    """A project of three digits whose pipeline has run, and runs again, tracked by the server."""
    project = few_digits.finished_few_digits(repository, tmp_path_factory.mktemp("tracked"))
    shutil.copy(mlflow_tables(), project.folder)
    shutil.rmtree(project.folder / "mlartifacts")
    project.environment["MLFLOW_TRACKING_URI"] = server
    project.flow("pipeline")
    return project


@pytest.fixture(scope="module")
def experiment(project: Project, server: str) -> str:
    found = ask(f"{server}/api/2.0/mlflow/experiments/get-by-name?experiment_name=digits")
    return str(found["experiment"]["experiment_id"])


@pytest.fixture(scope="module")
def runs(experiment: str, server: str) -> dict[str, dict[str, Any]]:
    found = ask(f"{server}/api/2.0/mlflow/runs/search", {"experiment_ids": [experiment]})
    return {run["info"]["run_name"]: run for run in found["runs"]}


@pytest.fixture(scope="module")
def visitor(browser: Any) -> Iterator[Any]:
    """One for all tests, who has MLflow's scripts from the first on."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def browser_page(visitor: Any) -> Iterator[Any]:
    page = visitor.new_page()
    yield page
    page.close()


@pytest.fixture(scope="module")
def clicked_page(visitor: Any) -> Any:
    return visitor.new_page()


@pytest.fixture
def runs_page(clicked_page: Any, server: str, experiment: str) -> Iterator[Any]:
    """The page that lists the experiment's runs, from which clicks are counted; it is loaded once."""
    clicked_page.goto(f"{server}/#/experiments/{experiment}/runs?workflowType=machine_learning")
    clicked_page.get_by_role("link", name="digits", exact=True).nth(1).wait_for()
    yield clicked_page
    for page in clicked_page.context.pages:
        if page is not clicked_page:
            page.close()


def published_means(project: Project) -> dict[str, dict[int, float]]:
    """By method: the balanced accuracy of the paper's protocol at every step, from the published table."""
    results = pd.read_csv(project.folder / "artifacts/digits/tables/results.csv")
    rows = results.query("protocol == 'paper' and metric == 'balanced_accuracy' and subset == 'mean'")
    rows = rows.assign(step=(100 * rows.sparsity).round().astype(int))
    means = rows.groupby(["method", "step"]).value.mean().unstack()
    return {method: dict(own) for method, own in means.iterrows()}


def of_method(curve: dict[str, Any]) -> str:
    """Whose curve it is, by its name."""
    (method,) = {NAMES[name] for name in NAMES if curve["name"].split(" (")[0] == name}
    return method


def open_link(page: Any, name: str) -> Any:
    """The page behind a link of the parent run's description: two clicks."""
    parent = page.get_by_role("row").filter(has=page.get_by_role("link", name="digits", exact=True))
    parent.get_by_role("link", name="digits", exact=True).click()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name=name, exact=True).click()
    return opened.value


def test_a_server_with_a_database_holds_all_and_the_project_none(server, project, runs):
    levels = {f"{name} {step} %" for name in NAMES for step in STEPS}
    assert set(runs) == {"digits", "extraction", *NAMES, *levels}
    assert {run["info"]["status"] for run in runs.values()} == {"FINISHED"}
    for method, curve in published_means(project).items():
        query = urlencode(
            {"run_id": runs[method_name(method)]["info"]["run_id"], "metric_key": "paper/balanced_accuracy"}
        )
        history = ask(f"{server}/api/2.0/mlflow/metrics/get-history?{query}")["metrics"]
        assert {point["step"]: point["value"] for point in history} == pytest.approx(curve)
    parent = runs["digits"]["info"]["run_id"]
    for path in ("report.html", "figures/metrics.png"):
        with urlopen(f"{server}/get-artifact?{urlencode({'path': path, 'run_uuid': parent})}", timeout=30) as answer:
            assert answer.read() == (project.folder / "artifacts/digits" / path).read_bytes()
    query = urlencode({"filter": "name = 'rtl-digits'"})
    (model,) = ask(f"{server}/api/2.0/mlflow/model-versions/search?{query}")["model_versions"]
    assert model["version"] == "1" and model["run_id"] == runs["RTL"]["info"]["run_id"]
    assert project.logged() == [] and not (project.folder / "mlartifacts").exists()


def test_parameters_have_the_names_and_values_of_params_yaml(project, runs):
    written = flat_settings(yaml.safe_load((project.folder / "params.yaml").read_text())["digits"])
    for run in ("digits", "RTL", "IMP single 70 %"):
        logged = {param["key"]: param["value"] for param in runs[run]["data"]["params"]}
        assert written.keys() <= logged.keys()
        assert all(logged[name] == value for name, value in written.items() if not value.isdigit())
        assert logged["retrain.duration"] == "3it" and float(logged["baselines.single_duration_factor"]) == 2
    assert (logged["method"], logged["sparsity"]) == ("imp_single", "0.7")


def test_the_table_of_runs_opens_with_method_sparsity_score_and_weights_the_best_first(
    browser_page, server, experiment, project
):
    browser_page.goto(table_of_runs(server, experiment))
    browser_page.get_by_text("8 matching runs").wait_for()
    for column in ("method", "sparsity", "matched/auroc", "parameters/union", "Duration"):
        browser_page.get_by_role("columnheader", name=column, exact=True).first.wait_for()
    shown = browser_page.get_by_role("gridcell").get_by_role("link").all_inner_texts()
    results = pd.read_csv(project.folder / "artifacts/digits/tables/results.csv")
    rows = results.query("protocol == 'matched' and metric == 'auroc' and subset == 'mean'")
    method, sparsity = rows.groupby(["method", "sparsity"]).value.mean().idxmax()
    assert shown[0] == f"{method_name(method)} {100 * sparsity:g} %"


def test_two_clicks_show_the_curves_of_all_methods_against_sparsity(runs_page, project):
    page = open_link(runs_page, "paper/balanced_accuracy")
    assert page.get_by_role("radio", name="Step").is_checked()
    page.wait_for_function(f"({DRAWN})().filter(curve => curve.x?.length).length >= 4")
    drawn = {of_method(curve): dict(zip(curve["x"], curve["y"], strict=True)) for curve in page.evaluate(DRAWN)}
    assert drawn.keys() == set(METHODS)
    for method, curve in published_means(project).items():
        assert drawn[method] == pytest.approx(curve)


def test_two_clicks_show_methods_and_sparsities_in_parallel_coordinates(runs_page, project):
    page = open_link(runs_page, "parallel coordinates")
    page.wait_for_function(f"({DRAWN})().length == 1")
    (plot,) = page.evaluate(DRAWN)
    method, sparsity, score = plot["dimensions"]
    assert [axis["label"] for axis in plot["dimensions"]] == ["method", "sparsity", "paper/balanced_accuracy"]
    names = sorted(METHODS)
    drawn = {
        (names[number], round(100 * level)): value
        for number, level, value in zip(method["values"], sparsity["values"], score["values"], strict=True)
    }
    means = published_means(project)
    assert drawn == pytest.approx({(name, step): means[name][step] for name in METHODS for step in STEPS})


def test_two_clicks_show_every_metric_in_a_chart_of_its_own(runs_page):
    runs_page.locator("button[data-component-id*=runnamecellrenderer]").click()
    runs_page.locator("label", has=runs_page.locator("input[value=CHART]")).click()
    runs_page.wait_for_function(f"({DRAWN})().filter(curve => curve.x?.length == 2).length >= 4")
    curves = [curve for curve in runs_page.evaluate(DRAWN) if len(curve.get("x", [])) == len(STEPS)]
    assert {of_method(curve) for curve in curves} == set(METHODS)
    for section in ("paper", "matched", "parameters", "similarity", "matched/auroc"):
        runs_page.get_by_text(section, exact=True).first.wait_for(state="attached")
    assert all(curve["x"] == STEPS for curve in curves)
    runs_page.get_by_text("Step", exact=True).first.wait_for()
