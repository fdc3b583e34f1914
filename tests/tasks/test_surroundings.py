"""What a machine lacks or puts in the way, before anything runs: Prefect's database, DVC's locks, names, proxies."""

import getpass
import json
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest

from rtl_core.errors import RtlError
from rtl_core.user_name import have_user_name
from tasks.artefacts.dvc_lock import kept_from_dvc
from tasks.process.loopback import bypass_proxies
from tasks.process.prefect_database import refusal_of_database
from tasks.process.process_identity import exists
from tasks.tracking.provenance import git_facts


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("PREFECT_API_DATABASE_CONNECTION_URL", raising=False)
    with closing(sqlite3.connect(tmp_path / "prefect.db")) as connection, connection:
        connection.execute("create table alembic_version (version_num)")
        connection.execute("insert into alembic_version values ('b75d279ba985')")  # of an early release
        connection.execute("create table run (name)")
        connection.executemany("insert into run values (?)", [["x" * 999]] * 99)
    return tmp_path


def of_version(database: Path, version: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("update alembic_version set version_num = ?", (version,))


def test_a_database_that_prefect_can_use_or_bring_up_to_date_is_not_refused(home):
    assert refusal_of_database(home) is None
    with closing(sqlite3.connect(home / "prefect.db")) as other:
        other.execute("begin exclusive")
        assert refusal_of_database(home) is None
    (home / "prefect.db").unlink()
    assert refusal_of_database(home) is None


def test_one_that_it_cannot_use_says_what_it_is_and_what_may_be_deleted(home, monkeypatch):
    cure = f"; delete {home}/prefect.db, and its -wal and -shm files: they hold the history of runs, and no result"
    of_version(home / "prefect.db", "f" * 12)
    what = f"{home}/prefect.db: Prefect's database was made by another release of Prefect (its revision is {'f' * 12})"
    assert refusal_of_database(home) == what + cure
    whole = (home / "prefect.db").read_bytes()
    damaged = f"{home}/prefect.db: Prefect's database is damaged ("
    for content in (b"no database" * 100, whole[:8192] + bytes(len(whole) - 8192)):
        (home / "prefect.db").write_bytes(content)
        line = refusal_of_database(home)
        assert line.startswith(damaged) and line.endswith(cure) and "\n" not in line
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "postgresql://elsewhere")
    assert refusal_of_database(home) is None


def test_a_user_without_a_name_is_given_one_and_no_other(monkeypatch):
    def nameless(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nameless)
    have_user_name()
    assert getpass.getuser() == f"user-{os.getuid()}"
    monkeypatch.setenv("LOGNAME", "somebody")
    have_user_name()
    assert getpass.getuser() == "somebody"


@pytest.mark.parametrize(
    ("said", "then"),
    [
        ({}, "127.0.0.1,localhost,::1"),
        ({"NO_PROXY": "intranet, localhost"}, "intranet,localhost,127.0.0.1,::1"),
        ({"no_proxy": "a", "NO_PROXY": "b"}, "a,b,127.0.0.1,localhost,::1"),
    ],
)
def test_this_machine_is_excepted_from_proxies_beside_what_already_is(monkeypatch, said, then):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    bypass_proxies()
    bypass_proxies()
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == then


def test_everything_being_excepted_stays_so(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("NO_PROXY", "*")
    bypass_proxies()
    assert os.environ["no_proxy"] == "*"


def test_where_there_is_no_commit_provenance_says_why(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_facts() == {"git.commit": "no git repository"}
    os.system("git init --quiet")
    assert git_facts() == {"git.commit": "no commit yet"}
    monkeypatch.setenv("PATH", "")
    assert git_facts() == {"git.commit": "no git on this machine"}


@pytest.fixture
def rwlock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    return tmp_path / ".dvc/tmp/rwlock"


def test_locks_of_dvc_whose_process_is_no_more_are_removed_and_its_own_file_may_vanish(rwlock, capfd):
    with subprocess.Popen(["sleep", "9"]) as other:
        dead = {"pid": other.pid, "cmd": "dvc repro"}
        read = {"pid": os.getpid(), "cmd": "of a process that had this number"}
        rwlock.write_text(json.dumps({"write": {f"{Path.cwd()}/data/digits": dead}, "read": {"/elsewhere": [read]}}))
        os.utime(rwlock, (0, 0))
        with kept_from_dvc("digits"):
            held = json.loads(rwlock.read_text())
            rwlock.unlink()
        other.kill()
    assert not held["write"] and [*held["read"]] == [f"{Path.cwd()}/data/digits", f"{Path.cwd()}/artifacts/digits"]
    assert all([lock["pid"] for lock in locks] == [os.getpid()] for locks in held["read"].values())
    assert capfd.readouterr() == ("", "")


def test_dvc_is_waited_for_until_its_process_has_ended_also_between_two_stages(rwlock, capfd, monkeypatch):
    monkeypatch.setattr("tasks.artefacts.dvc_lock.LOOKS_AGAIN", 0.05)
    with subprocess.Popen(["sleep", "9"]) as dvc:
        info = {"pid": dvc.pid, "cmd": "dvc repro"}
        rwlock.write_text(json.dumps({"write": {f"{Path.cwd()}/data/digits": info}, "read": {}}))
        Timer(0.2, lambda: rwlock.write_text("{}")).start()  # a stage has ended
        Timer(0.5, dvc.kill).start()
        with kept_from_dvc("digits"):
            assert not exists(dvc.pid)
    assert capfd.readouterr().err == (
        f"digits: waiting for a run in this folder ((PID {dvc.pid}): dvc repro; if there is none, remove {rwlock})\n"
    )


def test_a_damaged_file_of_locks_is_one_line(rwlock):
    for content in ("", "{", '{"write": 1}'):
        rwlock.write_text(content)
        with pytest.raises(RtlError, match=f"^{rwlock}: DVC's file of locks is damaged; remove it"):
            kept_from_dvc("digits").__enter__()
