"""What goes wrong on real machines: each fault ends in the right bytes, or in one line that says what to do.

docs/reliability.md is the table of these tests.
"""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import yaml
from http_answers import until
from small_project import Project
from warm_start import warm, warm_folder

from tasks.caching.checkpoint import FileCheckpoint

ONE_LONG_TRAINING = {"duration": "12ep", "update": ["synchronous"]}
GOES_ON = "run the same command again: it goes on where it was\n"
LOGGED_NEXT = "then `rtl run compare digits` logs this comparison"
FULL = f"SQLite says: database or disk is full; free some space; {LOGGED_NEXT}\n"
PUBLISHED = {"extract": "masks", "retrain": "tickets", "baselines": "baselines", "compare": "figures"}
CLOCK = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long seconds_ahead(void) {
    char text[32] = "";
    int file = open(getenv("CLOCK_AHEAD"), O_RDONLY);
    if (file < 0 || read(file, text, sizeof text - 1) < 1) abort();
    close(file);
    return atol(text);
}

int clock_gettime(clockid_t id, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, id, now);
    if (!failed && id == CLOCK_REALTIME) now->tv_sec += seconds_ahead();
    return failed;
}

time_t time(time_t *stored) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (stored) *stored = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *stored, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    stored->tv_sec = now.tv_sec;
    stored->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""


@pytest.fixture(scope="module")
def long_training(one_level: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Project]:
    """A project before one training that takes seconds, and the same after it, in which nothing went wrong."""
    before = one_level.copied(tmp_path_factory.mktemp("before"))
    params = before.folder / "params.yaml"
    sections = yaml.safe_load(params.read_text())
    sections["digits"]["retrain"] = ONE_LONG_TRAINING
    params.write_text(yaml.safe_dump(sections, sort_keys=False))
    shutil.rmtree(before.folder / "artifacts/digits/tickets")
    after = before.copied(tmp_path_factory.mktemp("after"))
    after.flow("retrain")
    return before, after


def without(project: Project, stage: str) -> Project:
    """The project before a stage: it will compute and publish everything again, but for the many steps of compare."""
    if stage == "compare":
        shutil.rmtree(project.folder / "artifacts/digits/runs")  # of an unknown run, a comparison is logged again
    else:
        shutil.rmtree(project.folder / ".rtl/records")
        shutil.rmtree(project.folder / ".rtl/objects")
    shutil.rmtree(project.folder / "artifacts/digits" / PUBLISHED[stage])
    return project


@pytest.fixture
def project(one_level: Project, tmp_path: Path) -> Project:
    return one_level.copied(tmp_path)


@pytest.fixture
def recovers(one_level: Project) -> Callable[[Project, str], None]:
    """Run a stage again and hold what is published against the bytes that nothing disturbed."""

    def recover(project: Project, stage: str) -> None:
        began = time.monotonic()
        done = project.run("rtl", "run", stage, "digits", timeout=200)
        tell_seconds(began)
        assert (done.returncode, done.stderr) == (0, "")
        assert project.published() == one_level.published()

    return recover


def tell_seconds(began: float) -> None:
    """How long recovery took, for docs/reliability.md: ``pytest -rP`` shows it."""
    print(f"recovered in {time.monotonic() - began:.1f} s")


class Run:
    """A stage under way, in a session of its own, as from a terminal; ``pid`` is that of the session too."""

    def __init__(self, process: subprocess.Popen[bytes], pid: int, errors: Path) -> None:
        self.process, self.pid, self._errors = process, pid, errors

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Return once it holds, the run still being at work."""
        deadline = time.monotonic() + 100
        while not condition():
            assert self.process.poll() is None and time.monotonic() < deadline, self.errors()
            time.sleep(0.01)

    def errors(self) -> str:
        return self._errors.read_text()

    def tree(self) -> list[psutil.Process]:
        return psutil.Process(self.pid).children(recursive=True)

    def server(self) -> psutil.Process | None:
        """Its temporary Prefect server."""
        return next((one for one in self.tree() if "serve_records" in " ".join(_command(one))), None)

    def ended(self, seconds: float = 200) -> tuple[int, str]:
        return self.process.wait(timeout=seconds), self.errors()

    def kill(self) -> None:
        with suppress(psutil.NoSuchProcess):
            for one in [*self.tree(), psutil.Process(self.pid)]:
                one.kill()


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@contextmanager
def running(project: Project, stage: str, *options: str, cold: bool = False, **environment: str) -> Iterator[Run]:
    """A stage; ``cold``: in a process that imports what it needs, and so does its Prefect server."""
    with started(project, "rtl", "run", stage, "digits", *options, cold=cold, **environment) as run:
        yield run


@contextmanager
def started(
    project: Project, *command: str, cold: bool = False, own: bool = False, **environment: str
) -> Iterator[Run]:
    """A command; ``own``: what it starts in its session imports what it needs."""
    with tempfile.TemporaryDirectory() as folder:  # not in the project, whose disk may be full
        errors, told = Path(folder, "errors"), Path(folder, "pid")
        known = project.environment | environment
        if own:
            known, command = known | {"WARM_PID": str(told)}, (f"{warm_folder()}/{command[0]}", *command[1:])
        elif not cold:
            known = warm(known, told)
        with errors.open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=project.folder,
                env=known,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        run = Run(process, process.pid, errors)
        try:
            if not cold:
                until(lambda: told.exists() and told.stat().st_size == 4, 20, errors.read_text)
                run.pid = int.from_bytes(told.read_bytes(), "big")
            yield run
        finally:
            if process.poll() is None:
                run.kill()
            process.wait()


def records(project: Project) -> int:
    folder = project.folder / ".rtl/records"
    return len(list(folder.iterdir())) if folder.exists() else 0


def states(project: Project) -> list[Path]:
    """Files of states kept in the middle of a training, of two epochs at least."""
    folders = [path.parent for path in (project.folder / ".rtl/checkpoints").glob("*/state")]
    return [folder / "state" for folder in folders if FileCheckpoint(folder, "any").load().get("epochs", 0) >= 2]


def epochs(project: Project) -> list[int]:
    """How far each training under way has come that has kept a state."""
    found = [FileCheckpoint(folder, "any").load() for folder in (project.folder / ".rtl/checkpoints").glob("*")]
    return [int(state["epochs"]) for state in found if state]


def tracked(project: Project) -> list[str]:
    """The status of every run in MLflow."""
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as database:
        return [status for (status,) in database.execute("select status from runs")]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def interrupt(project: Project, stage: str, number: signal.Signals, at_work: Callable[[], object]) -> None:
    """Ctrl-C, or what a service manager sends, in a run that is at work."""
    with running(project, stage) as run:
        run.wait_for(at_work)
        tree, began = run.tree(), time.monotonic()
        os.killpg(run.pid, number)
        assert run.ended() == (128 + number, f"interrupted; {GOES_ON}")
        assert time.monotonic() - began < 6
        assert psutil.wait_procs(tree, timeout=1)[1] == []
    assert set(tracked(project)) == ({"FINISHED", "KILLED"} if stage == "compare" else {"FINISHED"})
    assert not half_written(project)


def half_written(project: Project) -> list[Path]:
    return [path for path in (project.folder / "artifacts").rglob(".*") if path.is_file()]


def more_records(project: Project) -> Callable[[], bool]:
    """Whether a step was kept since."""
    before = max(records(project), 1)  # the first is a check's
    return lambda: records(project) > before


def test_a_training_goes_on_where_sigterm_or_kill_9_ended_it_unless_its_checkpoint_is_damaged(long_training, tmp_path):
    project, undisturbed = long_training[0].copied(tmp_path), long_training[1]
    interrupt(project, "retrain", signal.SIGTERM, lambda: states(project))
    (state,) = states(project)
    flip(state)  # truncated: test_checkpoint.py
    assert not states(project)
    with running(project, "retrain") as run:
        run.wait_for(lambda: states(project))
        os.kill(run.pid, signal.SIGKILL)
        run.process.wait()
    assert not (project.folder / "artifacts/digits/tickets").exists()
    for name in (f"tables/.results.csv.{run.pid}.a1b2c3d4", f"figures/.metrics.png.{run.pid}.e5f6_7g8"):
        (project.folder / "artifacts/digits" / name).write_bytes(b"half")
    (kept,) = epochs(project)
    began = time.monotonic()
    with running(project, "retrain") as run:
        seen = set()
        while run.process.poll() is None:
            seen.update(epochs(project))
            time.sleep(0.02)
        assert run.ended() == (0, "")
    tell_seconds(began)
    assert min(seen) == kept
    assert project.published() == undisturbed.published()
    assert not list((project.folder / ".rtl/checkpoints").iterdir())
    assert not half_written(project)


def test_ctrl_c_while_modules_are_imported(project):
    with running(project, "extract", cold=True) as run:
        run.wait_for(run.server)
        tree = run.tree()
        os.killpg(run.pid, signal.SIGINT)
        assert run.ended(6) == (130, f"interrupted; {GOES_ON}")
        assert psutil.wait_procs(tree, timeout=1)[1] == []


def test_ctrl_c_under_dvc(project, one_level):
    without(project, "extract")
    project.succeed("git", "init", "--quiet")
    command = ["dvc", "repro", "--single-item", "extract@digits"]
    with started(project, *command, own=True) as run:
        run.wait_for(lambda: records(project) > 1)
        tree = run.tree()
        os.killpg(run.pid, signal.SIGINT)
        status, errors = run.ended()
    assert status != 0 and f"interrupted; {GOES_ON}" in errors and "Traceback" not in errors
    assert psutil.wait_procs(tree, timeout=1)[1] == []
    project.succeed(*command)
    assert project.published() == one_level.published()


def test_dvc_beside_a_run_removes_nothing_that_it_reads(long_training, tmp_path):
    project, undisturbed = long_training[0].copied(tmp_path), long_training[1]
    project.succeed("git", "init", "--quiet")
    command = ["dvc", "repro", "--force", "--single-item", "extract@digits"]
    with running(project, "retrain") as run:
        run.wait_for(lambda: states(project))
        os.kill(run.pid, signal.SIGSTOP)
        refused = project.run(*command)
        assert refused.returncode != 0 and "Running stage" not in refused.stdout
        assert "/data/digits' is busy" in refused.stderr or "/artifacts/digits/" in refused.stderr
        assert f"(PID {run.pid}): " in refused.stderr and "Traceback" not in refused.stderr
        os.kill(run.pid, signal.SIGCONT)
        assert run.ended() == (0, "")
    assert project.published() == undisturbed.published()
    with started(project, *command) as dvc:
        dvc.wait_for(lambda: any("run extract" in " ".join(_command(one)) for one in dvc.tree()))  # it edits no lock
        os.kill(dvc.pid, signal.SIGSTOP)
        with running(project, "retrain") as waiting:
            waiting.wait_for(waiting.errors)
            os.kill(dvc.pid, signal.SIGCONT)
            assert dvc.ended()[0] == 0
            status, errors = waiting.ended()
    assert status == 0
    who = rf"\(\(PID {dvc.pid}\): \S*{' '.join(command)}; if there is none, remove \S+/\.dvc/tmp/rwlock\)"
    assert re.fullmatch(rf"digits: waiting for a run in this folder {who}\n", errors)
    assert project.published() == undisturbed.published()


def test_after_kill_9_of_the_prefect_server_and_ctrl_c_two_runs_at_once_go_on_in_turn(one_level, project):
    without(project, "extract")
    with running(project, "extract", cold=True) as run:
        run.wait_for(more_records(project))
        run.server().kill()
        status, errors = run.ended()
    assert status == 1
    assert errors.startswith("error: Prefect's server ended; see ") and "server.log" in errors
    assert errors.endswith(GOES_ON) and errors.count("\n") == 1
    interrupt(project, "extract", signal.SIGINT, more_records(project))
    turn, before = project.folder / ".rtl/locks/digits", len(project.executed())
    turn.unlink()
    with running(project, "extract") as first:
        first.wait_for(lambda: turn.exists() and turn.read_text())
        os.kill(first.pid, signal.SIGSTOP)
        with running(project, "extract") as second:
            second.wait_for(second.errors)
            line = f"digits: waiting for a run in this folder (process {first.pid})\n"
            assert second.errors() == line
            os.kill(first.pid, signal.SIGCONT)
            assert first.ended() == (0, "")
            began = time.monotonic()
            assert second.ended() == (0, line)
            tell_seconds(began)
    steps = project.executed()[before:]
    assert steps and len(set(steps)) == len(steps)
    assert project.published() == one_level.published()


def test_a_server_of_ones_own_that_does_not_answer(project):
    project.environment["PREFECT_API_URL"] = "http://127.0.0.1:9/api"
    done = project.run("rtl", "run", "retrain", "digits", timeout=200)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: http://127.0.0.1:9/api: no Prefect server answers (")


@contextmanager
def mounted(*arguments: str) -> Iterator[None]:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no right to mount a file system: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", arguments[-1]], check=True)


@contextmanager
def filled(folder: Path, left: int) -> Iterator[None]:
    """A disk with so many bytes left until the end of the block."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(folder).free - left)
    try:
        yield
    finally:
        ballast.unlink()


def elsewhere(project: Project, disk: Path, name: str) -> Path:
    """Move a file or folder of the project there."""
    return Path(shutil.move(project.folder / name, disk))


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One that can be filled."""
    folder = tmp_path_factory.mktemp("disk")
    with mounted("-t", "tmpfs", "-o", "size=64m", "none", str(folder)):
        yield folder


def refused(project: Project, stage: str) -> str:
    """The line in which a run ends."""
    done = project.run("rtl", "run", stage, "digits", timeout=200)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.startswith("error: ")
    return done.stderr


def test_a_full_disk_of_the_project(one_level, disk, recovers):
    project = without(one_level.copied(disk), "extract")
    with filled(disk, 1_500_000):
        assert refused(project, "extract").endswith(f"free some space and {GOES_ON}")
    recovers(project, "extract")


def test_a_full_disk_of_prefect_ctrl_c_and_a_read_only_artefact_folder(project, disk, recovers):
    without(project, "baselines")
    project.environment["PREFECT_HOME"] = str(elsewhere(project, disk, ".rtl/prefect"))
    with filled(disk, 0):
        assert refused(project, "baselines").endswith(f"free some space and {GOES_ON}")
    interrupt(project, "baselines", signal.SIGINT, more_records(project))
    folder = str(project.folder / "artifacts")
    with mounted("--bind", folder, folder):
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        line = refused(project, "baselines")
    assert line.startswith("error: artifacts/digits/baselines")
    assert line.endswith(f"Read-only file system; make it writable and {GOES_ON}")
    recovers(project, "baselines")


def test_a_comparison_after_ctrl_c_and_a_full_disk_of_mlflow(one_level, project, disk, recovers):
    without(project, "compare")
    interrupt(project, "compare", signal.SIGINT, lambda: "RUNNING" in tracked(project))
    place = f"sqlite:///{elsewhere(project, disk, 'mlflow.db')}"
    project.environment["MLFLOW_TRACKING_URI"] = place
    with filled(disk, 0):
        done = project.run("rtl", "run", "compare", "digits", timeout=200)
    # MLflow is asked at the start, and again where it would be told
    assert (done.returncode, done.stderr) == (0, f"warning: MLflow at {place}: {FULL}" * 2)
    assert project.published() == one_level.published()
    recovers(project, "compare")


def garble(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


@pytest.mark.parametrize(("folder", "damages"), [("objects", (truncate, flip)), ("records", (truncate, garble))])
def test_damage_in_the_store(project, recovers, folder, damages):
    shutil.rmtree(project.folder / "artifacts/digits/masks")
    before = len(project.executed())
    files = sorted(path for path in (project.folder / ".rtl" / folder).rglob("*") if path.is_file())
    for number, path in enumerate(files):
        damages[number % 2](path)
    recovers(project, "extract")
    checks = 2 * (folder == "records")  # which leave no object
    assert len(project.executed()) == before + checks + 10 + 2  # chains; their masks, and how alike these are


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that puts a clock in the place of the machine's, ahead by the seconds in a file."""
    if not shutil.which("cc"):
        pytest.skip("no C compiler on this machine")
    folder = tmp_path_factory.mktemp("clock")
    (folder / "clock.c").write_text(CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "clock.so", "clock.c"], cwd=folder, check=True)
    return folder / "clock.so"


def test_jumps_of_the_clock_in_a_run_and_back_since_the_last(
    one_level, project, long_training, clock, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("time")  # what a problem reads in the project's is watched
    ahead = folder / "ahead"

    def set_ahead(days: int) -> None:
        (folder / "next").write_text(str(days * 86_400))
        (folder / "next").rename(ahead)

    def disturb(project: Project, stage: str, undisturbed: Project, at_first: int, then: int, at_work) -> None:
        set_ahead(at_first)
        with running(project, stage, cold=True, LD_PRELOAD=str(clock), CLOCK_AHEAD=str(ahead)) as run:
            began = time.monotonic()
            run.wait_for(at_work)
            set_ahead(then)
            assert run.ended() == (0, "")
            tell_seconds(began)
        assert project.published() == undisturbed.published()

    without(project, "extract")
    disturb(project, "extract", one_level, -1, -2, more_records(project))
    before, undisturbed = long_training
    training = before.copied(tmp_path_factory.mktemp("training"))
    disturb(training, "retrain", undisturbed, 0, 366, lambda: states(training))


def test_kill_9_of_a_dask_worker(one_level, project):
    without(project, "extract")
    one_core = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]  # and one worker, which starts anew
    with started(project, *one_core, "rtl", "run", "extract", "digits", "--runner", "dask") as run:
        run.wait_for(lambda: records(project) > 2)  # the first are the checks', before there are workers
        worker = next(one for one in run.tree() if "--multiprocessing-fork" in _command(one))
        worker.kill()
        began = time.monotonic()
        status, errors = run.ended()
        tell_seconds(began)
    assert status == 0, errors
    assert project.published() == one_level.published()
