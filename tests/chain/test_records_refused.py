"""Where MLflow or Prefect cannot keep records: one line says why, and what was computed is published all the same."""

import os
import shutil
import signal
import sqlite3
import subprocess
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from small_project import Project
from warm_start import warm

OTHER_USER = ("unshare", "--user", "--map-user=12345", "--map-group=12345")
BOTH = """
import getpass, sys
from flows.command_line.app import main

print(getpass.getuser(), flush=True)
sys.argv = ["rtl", "report", "digits"]
try:
    main()
except SystemExit as end:
    print(end, file=sys.stderr, flush=True)
sys.argv = ["rtl", "run", "partition", "digits"]
main()
"""


@pytest.fixture
def project(one_level: Project, tmp_path: Path) -> Project:
    return one_level.copied(tmp_path)


def rows(project: Project, query: str, database: str = "mlflow.db") -> list[tuple]:
    with closing(sqlite3.connect(project.folder / database)) as connection, connection:
        return connection.execute(query).fetchall()


def uncompared(project: Project) -> Project:
    """The project before its comparison, which then is one of an unknown run."""
    shutil.rmtree(project.folder / "artifacts/digits/runs")
    (project.folder / "artifacts/digits/report.html").unlink()
    return project


def test_what_mlflow_refuses_is_published_and_logged_by_the_next_run_also_where_the_project_was_moved(project):
    uncompared(project)
    published, logged = project.published(), project.logged()
    ((version,),) = rows(project, "select version_num from alembic_version")
    rows(project, "update alembic_version set version_num = '84291f40a231'")
    place = f"sqlite:///{project.folder}/mlflow.db"
    why = f"MLflow at {place} has the tables of an older release; keep a copy, then: mlflow db upgrade {place}"
    for stage in ("extract", "pipeline"):
        done = project.run("rtl", "run", stage, "digits")
        assert (done.returncode, done.stderr) == (1, f"error: {why}\n")
    done = project.run("rtl", "ui")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {why}\n")

    done = project.run("rtl", "run", "compare", "digits")
    cure = "`rtl run compare digits` logs this comparison"
    assert (done.returncode, done.stderr) == (0, f"warning: {why}; then {cure}\n" * 2)  # at the start, and at the end
    assert project.published() == published
    page = project.folder / "artifacts/digits/report.html"
    assert f"not there yet: {cure}" in page.read_text()
    assert f"MLflow: not there yet: {cure}" in project.succeed("rtl", "results")

    rows(project, f"update alembic_version set version_num = '{version}'")
    done = project.run("rtl", "run", "compare", "digits")
    assert (done.returncode, done.stderr) == (0, "")
    new = {*project.logged()} - {*logged}
    assert len(new) > 3 and any(run in page.read_text() for run in new) and cure not in page.read_text()
    assert "not there yet" not in project.succeed("rtl", "results")
    places = [uri for (uri,) in rows(project, "select artifact_uri from runs")]
    assert all(uri.startswith(f"{(project.folder / 'mlartifacts/digits').as_uri()}/") for uri in places)
    figures = {Path(uri.removeprefix("file://"), "figures") for uri in places if uri.split("/")[-2] in new} & {
        path for path in project.folder.glob("mlartifacts/digits/*/artifacts/figures")
    }
    assert figures and all((folder / "metrics.png").is_file() for folder in figures)


@contextmanager
def killed_when(project: Project, reached) -> None:
    """A comparison that is killed, with no time for anything, once a condition holds."""
    told = project.folder / "pid"
    process = subprocess.Popen(
        ["rtl", "run", "compare", "digits"], cwd=project.folder, env=warm(project.environment, told),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not reached():
        assert process.poll() is None
    os.kill(int.from_bytes(told.read_bytes(), "big"), signal.SIGKILL)
    process.wait()
    told.unlink()


def test_what_killed_comparisons_left_is_closed_and_no_model_is_registered_twice(project):
    uncompared(project)
    (versions,) = rows(project, "select count(*) from model_versions")
    running = "select run_uuid from runs where status = 'RUNNING'"
    killed_when(project, lambda: rows(project, running))
    left = {run for (run,) in rows(project, running)}
    assert left
    killed_when(project, lambda: rows(project, "select count(*) from model_versions") != [versions])
    assert {
        status for run in left for (status,) in rows(project, f"select status from runs where run_uuid='{run}'")
    } == {"FAILED"}
    begun = project.logged()
    project.flow("compare")
    assert rows(project, "select count(*) from model_versions") == [(versions[0] + 1,)]
    assert project.logged() == begun  # what the second began is finished, not begun anew
    assert not rows(project, running)
    states = rows(project, "select state_name from flow_run where name = 'compare digits'", ".rtl/prefect/prefect.db")
    assert sorted(states) == [("Completed",), ("Completed",), ("Crashed",), ("Crashed",)]
    open_steps = "select name from task_run where state_type in ('RUNNING', 'PENDING')"
    assert not rows(project, open_steps, ".rtl/prefect/prefect.db")
    assert not [path for path in (project.folder / ".rtl/under_way").rglob("*") if path.is_file()]


def test_what_another_user_may_not_write_and_a_user_without_a_name_are_one_line(project):
    if subprocess.run([*OTHER_USER, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no right to be another user")
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        project.environment.pop(name, None)
    page = project.folder / "artifacts/digits/report.html"
    before = page.read_bytes()
    (project.folder / ".rtl/prefect/prefect.db").chmod(0o444)
    page.parent.chmod(0o555)
    project.cold = True
    done = project.run(*OTHER_USER, "python", "-c", BOTH)
    page.parent.chmod(0o755)
    assert (done.returncode, done.stdout) == (1, "user-12345\n"), done.stderr
    assert done.stderr == (
        "error: artifacts/digits/report.html: Permission denied; make it yours to read and write and run the same "
        "command again: it goes on where it was\n"
        f"error: {project.folder}/.rtl/prefect/prefect.db: Prefect's database is another user's, who alone may write "
        "there; make it and its folder yours to read and write, or set PREFECT_HOME to a folder of your own\n"
    )
    assert page.read_bytes() == before


class Refusing(BaseHTTPRequestHandler):
    """A proxy that lets nothing through."""

    def handle(self) -> None:
        self.request.recv(1 << 16)
        self.request.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


def test_a_proxy_that_refuses_this_machine_is_not_asked(project):
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{proxy.server_port}"
    project.environment |= {name: address for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy")}
    done = project.run("rtl", "run", "partition", "digits")
    proxy.shutdown()
    proxy.server_close()
    assert (done.returncode, done.stderr) == (0, "")
