"""What counts as left behind by a process that is surely no more."""

import subprocess
import sys

import psutil
import pytest

from tasks.artefacts.under_way import abandoned, begun_here, forget, is_abandoned, under_way
from tasks.process.process_identity import ProcessIdentity, this_process


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ended() -> ProcessIdentity:
    """A process of this machine that has ended."""
    command = "from tasks.process.process_identity import this_process; print(this_process().model_dump_json())"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    return ProcessIdentity.model_validate_json(done.stdout)


def test_what_ended_is_dead_and_what_may_live_is_not():
    this, gone = this_process(), ended()
    assert not this.is_dead() and gone.is_dead()
    assert this.model_copy(update={"started": this.started + 60}).is_dead()  # its number was given to another since
    assert this.model_copy(update={"boot": "before"}).is_dead()
    for elsewhere in ({"machine": "another"}, {"machine": ""}, {"namespace": "of a container"}):
        assert not gone.model_copy(update=elsewhere).is_dead()
    assert not gone.model_copy(update={"machine": "another", "boot": "before"}).is_dead()


@pytest.mark.parametrize("refusal", [psutil.NoSuchProcess, psutil.AccessDenied])
def test_a_process_that_the_system_hides_counts_as_alive(monkeypatch, refusal):
    this, gone = this_process(), ended()

    def hidden(pid: int) -> None:
        raise refusal(pid)

    monkeypatch.setattr("psutil.Process", hidden)
    assert not this.is_dead() and gone.is_dead()


def test_a_run_is_abandoned_once_its_process_is_dead_and_until_it_is_forgotten(project, monkeypatch):
    with under_way("whole", "here"):
        assert abandoned("here") == []
    gone = ended()
    with pytest.raises(KeyError), under_way("failed", "here"):
        raise KeyError
    assert abandoned("here") == []
    monkeypatch.setattr("tasks.artefacts.under_way.this_process", lambda: gone)
    with pytest.raises(KeyError), under_way("left", "here"):
        raise KeyError
    (project / ".rtl/under_way/damaged").write_text("{")
    assert abandoned("here") == ["left"] and abandoned("elsewhere") == []
    forget("left")
    assert abandoned("here") == []


def test_what_another_project_began_is_not_this_ones(project, monkeypatch):
    gone = ended()
    monkeypatch.setattr("tasks.artefacts.under_way.this_process", lambda: gone)
    begun = begun_here("a server of both")
    assert "a server of both" not in begun  # an address may hold a password
    assert is_abandoned(begun, "a server of both") and not is_abandoned("", "a server of both")
    (project / "another").mkdir()
    monkeypatch.chdir(project / "another")
    assert not is_abandoned(begun, "a server of both")
