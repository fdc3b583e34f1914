"""Whether MLflow takes what is logged: each place that it may be at, and what a user is told."""

import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from made_once import mlflow_tables

from tasks.tracking import reachable
from tasks.tracking.client import new_run, open_client, open_experiment, server_address
from tasks.tracking.once import unless_refused
from tasks.tracking.reachable import refusal_of_tracking

PLACE = "set MLFLOW_TRACKING_URI to another place, or leave it unset: mlflow.db in this folder"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    shutil.copy(mlflow_tables(), tmp_path / "mlflow.db")
    return tmp_path


def of_version(database: Path, version: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("update alembic_version set version_num = ?", (version,))


def test_what_takes_is_not_refused_also_while_another_process_writes(project):
    assert refusal_of_tracking() is None
    with closing(sqlite3.connect("mlflow.db")) as other:
        other.execute("begin immediate")
        assert refusal_of_tracking() is None


def test_a_database_of_another_release_or_of_no_release_is_one_line(project, monkeypatch):
    at = f"MLflow at sqlite:///{project}/mlflow.db"
    of_version(project / "mlflow.db", "84291f40a231")
    assert refusal_of_tracking() == (
        f"{at} has the tables of an older release; keep a copy, then: mlflow db upgrade sqlite:///{project}/mlflow.db"
    )
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project}/mlflow.db?timeout=20")
    assert refusal_of_tracking().endswith('; keep a copy, then: mlflow db upgrade "$MLFLOW_TRACKING_URI"')
    of_version(project / "mlflow.db", "f" * 12)
    assert refusal_of_tracking() == (
        f"{at} has the tables of a newer release (ffffffffffff); install that one, or {PLACE}"
    )
    (project / "mlflow.db").write_bytes(b"no database" * 100)
    assert refusal_of_tracking() == (f"{at} cannot be used (file is not a database); move that file away, or {PLACE}")


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("http://127.0.0.1:9", f"cannot be used ([Errno 111] Connection refused); see that it runs, or {PLACE}"),
        ("http://***127.0.0.1:9x", "cannot be used (Failed to parse: '127.0.0.1:9x' is not a valid"),
        ("mysql://***nowhere/runs", f"needs the Python module MySQLdb; install it, or {PLACE}"),
        ("nonsense://nowhere", "cannot be used (Model registry functionality is unavailable; got unsupported URI"),
    ],
)
def test_a_place_that_takes_nothing_is_one_line_without_its_credentials(monkeypatch, capfd, place, why):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", place.replace("***", "user:secret@"))
    line = refusal_of_tracking()
    assert line.startswith(f"MLflow at {place.replace('***', '')} {why}") and "secret" not in line and "\n" not in line
    assert capfd.readouterr() == ("", "")


def test_a_server_that_takes_connections_and_never_answers_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(reachable, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", place)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        line = refusal_of_tracking()
    assert line == f"MLflow at {place} gives no answer within 0.3 s; see that it runs, or {PLACE}"


def test_files_of_runs_are_found_where_a_project_was_moved_to(project, monkeypatch):
    client = open_client()
    experiment = open_experiment(client, "what, moved?")
    with new_run(client, experiment, "before", {}) as before:
        client.log_text(before, "kept", "note.txt")
    moved = project / "moved"
    moved.mkdir()
    for name in ("mlflow.db", "mlartifacts"):
        shutil.move(project / name, moved)
    monkeypatch.chdir(moved)
    client = open_client()
    assert [file.path for file in client.list_artifacts(before)] == ["note.txt"]
    with new_run(client, open_experiment(client, "what, moved?"), "after", {}) as after:
        client.log_text(after, "new", "note.txt")
    assert list((moved / "mlartifacts").rglob(f"{after}/artifacts/note.txt")) and not (project / "mlartifacts").exists()


def test_a_second_path_to_the_same_folder_changes_no_place_of_files(project, monkeypatch):
    client = open_client()
    experiment = open_experiment(client, "digits")
    before = client.get_experiment(experiment).artifact_location
    (project.parent / f"second-{project.name}").symlink_to(project)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project.parent}/second-{project.name}/mlflow.db?timeout=20")
    monkeypatch.setattr(Path, "resolve", Path.absolute)  # as of a mount, which is no link
    assert open_client().get_experiment(experiment).artifact_location == before


def test_pages_are_linked_without_credentials(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@host:5000/mlflow?token=secret")
    assert server_address() == "http://host:5000/mlflow"


def test_an_artifact_folder_that_somebody_chose_is_left_as_it_is(project):
    client = open_client()
    for name, location in {"mine": "file:///srv/mlartifacts/theirs", "other": "s3://bucket/mlartifacts/other"}.items():
        client.create_experiment(name, artifact_location=location)
        assert open_client().get_experiment_by_name(name).artifact_location == location


LEFT_OPEN = """
import os, signal
from tasks.tracking.client import new_run, open_client, open_experiment
client = open_client()
with new_run(client, open_experiment(client, "digits"), "left", {}):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_run_whose_process_was_killed_is_failed_and_no_other_is_touched(project):
    subprocess.run([sys.executable, "-c", LEFT_OPEN], check=False)
    client = open_client()
    experiment = open_experiment(client, "digits")
    client.create_run(experiment, run_name="somebody's")

    def statuses() -> dict[str, str]:
        return {run.info.run_name: run.info.status for run in client.search_runs([experiment])}

    with new_run(client, experiment, "own", {}):
        assert statuses() == {"left": "RUNNING", "somebody's": "RUNNING", "own": "RUNNING"}
        assert refusal_of_tracking() is None
        assert statuses() == {"left": "FAILED", "somebody's": "RUNNING", "own": "RUNNING"}


def test_what_mlflow_refuses_of_itself_is_a_line_and_stops_nothing(project, capfd):
    client = open_client()
    experiment = open_experiment(client, "digits")

    def log() -> None:
        with new_run(client, experiment, "refused", {}) as run:
            client.log_metric(run, "not*a*name", 1.0)

    assert unless_refused("digits", log) is None
    line = capfd.readouterr().err
    assert line.startswith(f"warning: MLflow at sqlite:///{project}/mlflow.db refused it (MlflowException: Invalid ")
    assert line.endswith("); then `rtl run compare digits` logs this comparison\n") and line.count("\n") == 1
    assert unless_refused("digits", lambda: "logged") == "logged"
    with pytest.raises(KeyError):
        unless_refused("digits", lambda: {}["a mistake of ours"])
