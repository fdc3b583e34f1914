"""A cached step runs once; what is lost or damaged is made again, and nothing else.

One run of real Prefect serves all tests: a process with a server of its own, and a second one that uses it.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from made_once import prefect_tables

pytestmark = pytest.mark.slow
STEPS = """
import errno, os
from pathlib import Path

from tasks.artefacts.store import STORE
from tasks.caching.cached_task import cached_task


def count(step):
    with open("executed", "a") as file:
        file.write(step + "\\n")


@cached_task(name="double {number}")
def double(number, anything=None):
    count(f"double {number}")
    return {"double": 2 * number, "files": [{"sha256": STORE.put(str(number).encode())}]}


@cached_task(name="total")
def total(parts):
    count("total")
    return sum(part["double"] for part in parts)


@cached_task(name="read, {why} at first")
def read(why):
    count(why)
    number = getattr(errno, why)
    if Path("executed").read_text().count(why) == 1:
        raise OSError(number, os.strerror(number))
    return "read"
"""
RUN = """
import hashlib, json, subprocess, sys
from pathlib import Path

from tasks.server.temporary_server import start_early
start_early()

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from steps import double, read, total
from tasks.artefacts.store import STORE
from tasks.caching.records import Kept
from tasks.server.run_session import all_runs_final


@flow
def attempts():
    report = {}
    for why in ("EIO", "ENOSPC"):
        try:
            report[f"read after {why}"] = read(why)
        except OSError as error:
            report[f"read after {why}"] = str(error)
    return report


def result_of(submitted):
    return submitted.result if isinstance(submitted, Kept) else submitted.result()


@flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
def submitted(how_many):
    parts = [double.submit(number) for number in range(how_many)]
    return result_of(total.submit([result_of(part) for part in parts]))


@flow
def called(how_many):
    return total([double(number) for number in range(how_many)])


@flow
def refusals():
    report = {}
    for value in (Path("."), {1, 2}, (1, 2), float("nan"), {1: 2}):
        try:
            double(1, anything=[value])
        except TypeError as error:
            report[f"refused {type(value).__name__}"] = str(error)
    return report


def executed(doubles):
    Path("executed").write_text("")
    assert doubles(HOW_MANY) == HOW_MANY * (HOW_MANY - 1)
    return sorted(Path("executed").read_text().splitlines())


def damages(doubles):
    def damaged(path, content):
        path.write_bytes(content)
        return executed(doubles)

    report, three = {}, Path(STORE.path(hashlib.sha256(b"3").hexdigest()))
    three.unlink()
    report["object deleted"] = executed(doubles)
    report["object altered"] = damaged(three, b"4")
    record = record_of(three.name)
    report["record truncated"] = damaged(record, record.read_bytes()[:-9])
    report["record of another kind"] = damaged(record, record.read_bytes().replace(b'"digested-json"', b'"pickle"'))
    report["digit of a result altered"] = damaged(record, record.read_bytes().replace(b": 6, ", b": 7, "))
    assert b": 6, " in record.read_bytes()
    return report


def record_of(digest):
    return next(path for path in Path(".rtl/records").iterdir() if digest in path.read_text())


HOW_MANY = 4
if __name__ == "__main__":
    with all_runs_final():
        report = {"this process": executed(submitted)}
        if not sys.argv[1:]:
            command = [sys.executable, __file__, "another"]
            another = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
            report["another process"] = another["this process"]
            report |= {"submitted": damages(submitted), "called": damages(called)} | refusals() | attempts()
    print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def report(project: Path, repository: Path) -> dict[str, Any]:
    """What each situation caused to be executed; also holds that the terminal shows nothing else."""
    (project / "steps.py").write_text(STEPS)
    (project / "run.py").write_text(RUN)
    shutil.copytree(prefect_tables(), project / ".rtl/prefect")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    run = subprocess.run(
        [sys.executable, "run.py"],
        cwd=project,
        env={**environment, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (run.returncode, run.stderr) == (0, "")
    return json.loads(run.stdout)


def test_a_step_runs_once_across_processes(report: dict[str, Any]) -> None:
    assert report["this process"] == sorted(["total", *(f"double {number}" for number in range(4))])
    assert report["another process"] == []


@pytest.mark.parametrize(
    "situation",
    [
        "object deleted",
        "object altered",
        "record truncated",
        "record of another kind",
        "digit of a result altered",
    ],
)
@pytest.mark.parametrize("how", ["submitted", "called"])
def test_what_is_damaged_is_made_again_alone(report: dict[str, Any], situation: str, how: str) -> None:
    assert report[how][situation] == ["double 3"]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("PosixPath", "is a PosixPath"),
        ("set", "is a set"),
        ("tuple", "is a tuple"),
        ("float", "is nan"),
        ("dict", "has the key 1"),
    ],
)
def test_inputs_that_are_not_json_are_refused_by_name(report: dict[str, Any], kind: str, said: str) -> None:
    assert report[f"refused {kind}"] == f"double: argument anything[0] {said}, which is not JSON"


def test_what_a_disk_refused_is_tried_again_unless_it_is_full(report: dict[str, Any]) -> None:
    assert report["read after EIO"] == "read"
    assert report["read after ENOSPC"] == "[Errno 28] No space left on device"


def test_every_run_is_final_after_exit(report: dict[str, Any], project: Path) -> None:
    with closing(sqlite3.connect(project / ".rtl" / "prefect" / "prefect.db")) as database:
        runs = dict(database.execute("select state_name, count(*) from task_run group by state_name"))
        flows = dict(database.execute("select state_name, count(*) from flow_run group by state_name"))
    database.close()
    assert runs == {"Completed": 5 + 2 * 5 + 1, "Cached": 5 * 4, "Failed": 5 + 1}  # what is kept was not submitted
    assert flows == {"Completed": 2 + 2 * 5 + 2}
