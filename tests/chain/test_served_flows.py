"""Runs that are scheduled, started and cancelled in Prefect's page: a real server, ``rtl serve``, a real browser."""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import psutil
import pytest
import yaml
from few_digits import few_digits
from http_answers import HOST, answers, ask, free_ports, until
from playwright.sync_api import Locator
from small_project import Project
from warm_start import COLD_RUNS, warm

STAGES = {"partition", "extract", "retrain", "baselines", "compare"}
SERVER = """
import runpy
import tasks.prefect_environment
runpy.run_module("prefect", run_name="__main__", alter_sys=True)
"""
"""A process of its own: its services read their settings when they are imported."""
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@pytest.fixture(scope="module")
def project(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of three digits, with a second section whose retraining takes long."""
    project = Project.new(
        repository,
        tmp_path_factory.mktemp("served"),
        seeds=[0],
        sparsities=[0.4],
        retrain={"duration": "3it", "update": ["synchronous"]},
        baselines={"methods": ["imp_single"], "single_duration_factor": 2},
    )
    params = project.folder / "params.yaml"
    sections = yaml.safe_load(params.read_text())
    sections["digits"] = few_digits(project, sections["digits"])
    sections["long"] = {**deepcopy(sections["digits"]), "retrain": {"duration": "99999ep", "update": ["synchronous"]}}
    sections["mine"] = {**deepcopy(sections["digits"]), "problem": "mine:Mine", "partition": {}}
    params.write_text(yaml.safe_dump(sections, sort_keys=False))
    project.succeed("rtl", "run", "partition", "digits", "long")
    return project


@dataclass
class Pages:
    prefect: str


@pytest.fixture(scope="module")
def pages(project: Project) -> Iterator[Pages]:
    """Prefect's server, as ``rtl ui`` starts it beside MLflow's."""
    project.environment[COLD_RUNS] = str(project.folder / "cold-runs")
    project.environment |= {  # seconds; a run, or its end, is seen after 10 as a rule, a schedule after 60
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
        "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "5",
        "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_RUNS": "3",  # ahead, instead of 100
    }
    (port,) = free_ports(1)
    address = f"http://{HOST}:{port}"
    project.environment["PREFECT_SERVER_UI_API_URL"] = f"{address}/api"
    with running(
        project, sys.executable, "-c", SERVER, "server", "start", "--host", HOST, "--port", str(port)
    ) as output:
        until(lambda: answers(f"{address}/api/ready"), 90, output.read_text)
        project.environment["PREFECT_API_URL"] = f"{address}/api"
        yield Pages(address)


@contextmanager
def running(project: Project, *command: str) -> Iterator[Path]:
    """A process of the project's, ended with the block; where it writes what it says."""
    output = project.folder / f"{Path(command[0]).name}.txt"
    with output.open("wb") as log:
        process = subprocess.Popen(command, cwd=project.folder, env=warm(project.environment), stdout=log, stderr=log)
    try:
        yield output
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def cold_runs(project: Project) -> Iterator[None]:
    """What starts within is a process of its own, as at a user's."""
    switch = Path(project.environment[COLD_RUNS])
    switch.touch()
    yield
    switch.unlink()


@pytest.fixture(scope="module")
def served(project: Project, pages: Pages) -> Iterator[dict[str, str]]:
    """The deployments of one ``rtl serve``: name of the flow → id."""
    with running(project, "rtl", "serve") as output:
        found = until(lambda: deployments(pages, "all-stages", "stage"), 90, output.read_text)
        until(lambda: len(deployments(pages, "all-stages", "stage")) == 6, 30, output.read_text)
        found = deployments(pages, "all-stages", "stage")
        yield {one["entrypoint"].rpartition(".")[2]: one["id"] for one in found}


def deployments(pages: Pages, *names: str) -> list[dict[str, Any]]:
    return ask(f"{pages.prefect}/api/deployments/filter", {"deployments": {"name": {"any_": list(names)}}})


def run_of(pages: Pages, run: str) -> dict[str, Any]:
    return ask(f"{pages.prefect}/api/flow_runs/{run}")


def start(pages: Pages, deployment: str, **parameters: object) -> str:
    """Start a run; a server whose database is busy is asked again, as Prefect's own client does."""
    url = f"{pages.prefect}/api/deployments/{deployment}/create_flow_run"

    def started() -> str | None:
        try:
            return ask(url, {"parameters": parameters})["id"]
        except HTTPError as problem:
            if problem.code != 503:
                raise
            return None

    return until(started, 60, lambda: "the server stays busy")


def click_until(button: Locator, condition: Callable[[], Any]) -> Any:
    """Click, and again where that had no effect: a server whose database is busy refuses, and the page then waits for
    another click.
    """
    for _ in range(4):
        button.click()
        with suppress(AssertionError):
            return until(condition, 20, lambda: "no effect")
    button.click()
    return until(condition, 20, lambda: f"{button}: five clicks had no effect")


def ended(pages: Pages, run: str, seconds: float = 400) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        return known if (known := run_of(pages, run))["state_type"] in FINAL else None

    return until(found, seconds, lambda: str(run_of(pages, run)), every=0.5)


def test_the_pipeline_and_each_stage_are_offered_and_told_apart_by_tags(pages, project, served):
    assert set(served) == {"pipeline", *STAGES}
    offered = deployments(pages, "all-stages", "stage")
    assert len({tuple(sorted(one["tags"])) for one in offered}) == len(offered)
    sections = sorted(yaml.safe_load((project.folder / "params.yaml").read_text()).keys() - {"problems"})
    assert all(one["parameter_openapi_schema"]["properties"]["problem"]["enum"] == sections for one in offered)


def test_the_schedule_waits_until_it_is_switched_on(pages, served, browser_page):
    wanted = {
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}, "deployment_id": {"any_": [served["pipeline"]]}}
    }
    assert ask(f"{pages.prefect}/api/flow_runs/filter", wanted) == []
    browser_page.goto(f"{pages.prefect}/deployments/deployment/{served['pipeline']}")
    browser_page.get_by_text("At 02:00 AM every day").wait_for()
    switch = browser_page.locator(".deployment-schedule-toggle-switch, .p-toggle").first
    click_until(switch, lambda: schedule_of(pages, served)["active"])
    runs = until(lambda: ask(f"{pages.prefect}/api/flow_runs/filter", wanted), 60, lambda: "nothing is scheduled")
    assert all(run["auto_scheduled"] and run["parameters"] == {"problem": "digits"} for run in runs)
    browser_page.get_by_role("tab", name="Upcoming").or_(browser_page.get_by_text("Upcoming")).first.click()
    browser_page.get_by_text("Scheduled for").first.wait_for()
    assert schedule_of(pages, served)["schedule"]["cron"] == "0 2 * * *"
    # Off again: at two in the morning it would run beside the tests that follow.
    click_until(switch, lambda: not schedule_of(pages, served)["active"])
    until(lambda: ask(f"{pages.prefect}/api/flow_runs/filter", wanted) == [], 60, lambda: "runs stay scheduled")


def schedule_of(pages: Pages, served: dict[str, str]) -> dict[str, Any]:
    """The one schedule of the pipeline's deployment."""
    return ask(f"{pages.prefect}/api/deployments/{served['pipeline']}")["schedules"][0]


def test_the_form_describes_its_fields_refuses_a_sparsity_of_120_percent_and_starts_a_run(
    pages, project, served, browser_page
):
    browser_page.goto(f"{pages.prefect}/deployments/deployment/{served['pipeline']}/run")
    for described in (
        "section of params.yaml", "Shares of the prunable weights at zero", "One initialisation", "where steps run",
        "RTL under some of its updates",
    ):  # fmt: skip
        browser_page.get_by_text(described).wait_for()
    browser_page.get_by_role("button", name="Add item").nth(1).click()
    sparsity = browser_page.locator("input[type=number]").last
    sparsity.fill("1.2")
    browser_page.get_by_role("button", name="Submit").click()
    browser_page.get_by_text("1.2 is greater than or equal to the maximum of 1").wait_for()
    sparsity.fill("0.3")
    mine = {"flow_runs": {"deployment_id": {"any_": [served["pipeline"]]}, "expected_start_time": {"before_": _soon()}}}
    submit = browser_page.get_by_role("button", name="Submit")
    (run,) = click_until(submit, lambda: ask(f"{pages.prefect}/api/flow_runs/filter", mine))
    browser_page.goto("about:blank")  # a page of a run keeps the server busy
    assert ended(pages, run["id"])["state_type"] == "COMPLETED"
    assert run["parameters"]["changes"]["sparsities"] == [0.3]
    (tickets,) = (project.folder / "artifacts/digits/tickets").rglob("*.safetensors")
    assert tickets.name == "sparsity-30.safetensors"
    browser_page.goto(f"{pages.prefect}/runs")
    browser_page.get_by_text("pipeline digits", exact=True).wait_for()
    artifacts = {found["key"]: found for found in ask(f"{pages.prefect}/api/artifacts/filter", {"limit": 200})}
    assert artifacts["pruning-rounds"]["type"] == "progress" and artifacts["pruning-rounds"]["data"] == 100
    assert "/runs/" in artifacts["digits-mlflow"]["data"] and "report.html" in artifacts["digits-report"]["data"]
    own = {key: found for key, found in artifacts.items() if found["flow_run_id"] == run["id"]}
    assert {f"digits-{name}" for name in ("verdict", "leaderboard", "scores", "weights", "similarity")} <= own.keys()
    assert all(found["description"] for found in own.values())
    for table in (json.loads(found["data"]) for found in own.values() if found["type"] == "table"):
        assert len(table) <= 20 and all("method" in row or "masks" in row for row in table)
    assert "No verdict on one seed: at 30 % sparsity" in own["digits-verdict"]["data"]


def test_a_run_sees_the_code_as_it_is_when_it_starts(pages, project, served):
    own = "from helpers import SAID\nfrom rtl_core.problems.digits import Digits\n"
    written = "(folder / 'said.txt').write_text(SAID)"
    own += f"class Mine(Digits):\n    @classmethod\n    def partition(cls, folder):\n        {written}\n"
    (project.folder / "mine.py").write_text(own)
    for said in ("before", "after"):
        (project.folder / "helpers.py").write_text(f"SAID = {said!r}")
        run = start(pages, served["partition"], problem="mine")
        assert ended(pages, run)["state_type"] == "COMPLETED"
        assert (project.folder / "data/mine/said.txt").read_text() == said


def test_the_api_refuses_what_the_form_refuses(pages, served):
    with pytest.raises(OSError, match="409"):
        start(pages, served["pipeline"], problem="digits", changes={"sparsities": [1.2]})


@pytest.fixture(scope="module")
def extractions(pages: Pages, project: Project, served: dict[str, str]) -> list[str]:
    """Three runs that were started at once where one training step runs at a time."""
    limit = f"{pages.prefect}/api/v2/concurrency_limits/tag:training"
    assert ask(limit)["limit"] >= 1
    project.succeed("prefect", "gcl", "update", "tag:training", "--limit", "1")
    asked = [("digits", 7), ("long", 7), ("digits", 8)]
    runs = [start(pages, served["extract"], problem=name, changes={"seeds": [seed]}) for name, seed in asked]
    assert {ended(pages, run)["state_type"] for run in runs} == {"COMPLETED"}
    return runs


def test_runs_at_once_queue_their_training_steps_and_those_of_one_problem_take_turns(pages, extractions):
    training = sorted(span for run in extractions for span in spans_of(pages, run, "training"))
    assert len(training) > 2 * len(extractions)
    for (_, end), (later, _) in itertools.pairwise(training):
        assert end <= later
    earlier, later = sorted(spans_of(pages, run) for run in (extractions[0], extractions[2]))
    assert max(end for _, end in earlier) <= later[0][0]  # the second began none before the first had ended its last


def spans_of(pages: Pages, run: str, *tags: str) -> list[tuple[str, str]]:
    """When each step of a run that has ended began and ended, in their order; the server learns it a little later."""
    wanted = {"flow_runs": {"id": {"any_": [run]}}, "task_runs": {"tags": {"all_": [*tags]}} if tags else {}}

    def known() -> list[dict[str, Any]]:
        steps = ask(f"{pages.prefect}/api/task_runs/filter", wanted)
        return steps if all(one["start_time"] and one["end_time"] for one in steps) else []

    found = until(known, 30, lambda: "a step has no end")
    return sorted((one["start_time"], one["end_time"]) for one in found)


def test_a_run_in_which_everything_was_kept_says_so(pages, served, extractions):
    run = start(pages, served["extract"], problem="long", changes={"seeds": [7]})
    assert (found := ended(pages, run))["state_type"] == "COMPLETED", found["state"]
    wanted = {"limit": 200, "flow_runs": {"id": {"any_": [run]}}}
    (kept,) = [one for one in ask(f"{pages.prefect}/api/artifacts/filter", wanted) if one["key"] == "kept-steps"]
    assert kept["data"].startswith("Everything was kept: no step had to run.") and "pruning rounds" in kept["data"]


def test_cancelling_stops_the_workers_and_leaves_nothing_half_written(pages, project, served, extractions):
    checkpoints = project.folder / ".rtl/checkpoints"
    with cold_runs(project):
        run = start(pages, served["retrain"], problem="long", changes={"seeds": [7]})
        until(lambda: list(checkpoints.glob("*/state")), 90, lambda: str(run_of(pages, run)))
    workers = [process for process in psutil.process_iter(["cmdline"]) if _is_of(process, project.folder)]
    assert workers
    ask(f"{pages.prefect}/api/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
    assert ended(pages, run, 20)["state_type"] == "CANCELLED"  # after 30 Prefect kills what has not ended
    assert psutil.wait_procs(workers, timeout=15)[1] == []
    assert not (project.folder / "artifacts/long/tickets").exists()
    assert list(checkpoints.glob("*/state"))  # a later run goes on there


def test_a_worker_of_a_process_pool_runs_what_prefect_yaml_deploys(pages, project, repository):
    (project.folder / "prefect.yaml").write_bytes((repository / "prefect.yaml").read_bytes())
    project.succeed("prefect", "work-pool", "create", "rtl", "--type", "process")
    project.succeed("prefect", "--no-prompt", "deploy", "--all")
    deployed = [one for one in deployments(pages, "all-stages", "stage") if one["work_pool_name"] == "rtl"]
    assert {one["entrypoint"].rpartition(":")[2] for one in deployed} == {"pipeline", *STAGES}
    (partition,) = [one for one in deployed if one["entrypoint"].endswith(":partition")]
    (whole,) = [one for one in deployed if one["entrypoint"].endswith(":pipeline")]
    assert [(s["schedule"]["cron"], s["active"]) for s in whole["schedules"]] == [("0 2 * * *", False)]
    run = start(pages, partition["id"])
    project.succeed("prefect", "worker", "start", "--pool", "rtl", "--run-once")
    assert ended(pages, run)["state_type"] == "COMPLETED"


def _soon() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))


def _is_of(process: psutil.Process, folder: Path) -> bool:
    try:
        return "prefect.engine" in " ".join(process.cmdline()) and Path(process.cwd()) == folder
    except psutil.Error:
        return False
