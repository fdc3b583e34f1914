"""More than one machine: a Dask scheduler and two workers, each at an address and in a folder of its own."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from pathlib import Path

import psutil
import pytest
from http_answers import answers, free_ports, until
from small_project import ONE_LEVEL, Project
from warm_start import warm

TRAINED = ("data", *(f"artifacts/digits/{kind}" for kind in ("code", "masks", "tickets", "baselines")))


@pytest.fixture(scope="module")
def hosts(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Project]:
    """Three folders that have nothing in common but the store: who starts the run, and two workers."""
    store = tmp_path_factory.mktemp("store")
    found = []
    for name in ("client", "first", "second"):
        host = Project.new(repository, tmp_path_factory.mktemp(name), **ONE_LEVEL)
        host.environment["RTL_STORE"] = str(store)
        found.append(host)
    return found


@pytest.fixture(scope="module")
def server(hosts: list[Project]) -> Iterator[str]:
    """The address of a Prefect server that outlives runs."""
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    host = told(hosts[0], PREFECT_UI_ENABLED="0", PREFECT_HOME=str(hosts[0].folder / ".rtl/prefect"))
    command = ("prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port))
    with started(host, *command, pid=host.folder / "server-pid"):
        until(lambda: answers(f"{address}/api/ready"), 90, lambda: "Prefect's server does not start")
        yield f"{address}/api"


def told(host: Project, **environment: str) -> Project:
    """The host, with more in the environment of what is started there."""
    other = copy(host)
    other.environment = host.environment | environment
    return other


@contextmanager
def started(project: Project, *command: str, pid: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A command in a process that imports what it needs, or one whose number is written to ``pid``."""
    output = project.folder / f"{command[1]}.txt"
    environment = warm(project.environment, pid) if pid else project.environment
    with output.open("wb") as log:
        process = subprocess.Popen(command, cwd=project.folder, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        killed(process)


def killed(process: subprocess.Popen[bytes]) -> None:
    """Kill -9 of a process and all that it started."""
    if process.poll() is None:
        for one in [*psutil.Process(process.pid).children(recursive=True), process]:
            one.kill()
    process.wait()


def listening(pid: int) -> set[str]:
    tree = [parent := psutil.Process(pid), *parent.children(recursive=True)]
    return {c.laddr.ip for one in tree for c in one.net_connections("inet") if c.status == psutil.CONN_LISTEN}


def test_two_workers_that_share_only_the_store_give_the_bytes_of_one_level_though_one_is_killed(
    one_level, hosts, server
):
    client, first, second = told(hosts[0], PREFECT_API_URL=server), *hosts[1:]
    (port,) = free_ports(1)
    scheduler = f"tcp://127.0.0.1:{port}"
    worker = ("dask", "worker", scheduler, "--nthreads", "1", "--no-nanny")
    pids = [host.folder / "pid" for host in (client, second)]  # one worker has to import what it needs by itself
    page = "--dashboard-address"  # with --no-dashboard Dask opens a port to all
    client.flow("partition")
    with ExitStack() as stack:
        at_client = ("--host", "127.0.0.1", "--port", str(port), page, "127.0.0.1:0")
        stack.enter_context(started(client, "dask", "scheduler", *at_client, pid=pids[0]))
        workers = [
            stack.enter_context(started(host, *worker, "--host", address, page, f"{address}:0", pid=pid))
            for host, address, pid in ((first, "127.0.0.2", None), (second, "127.0.0.3", pids[1]))
        ]
        said = [host.folder / "worker.txt" for host in (first, second)]
        until(lambda: all("Registered to" in one.read_text() for one in said), 90, lambda: "no two workers")
        for stage in ("extract", "retrain"):
            client.succeed("rtl", "run", stage, "digits", "--runner", scheduler)
        numbers = [int.from_bytes(pid.read_bytes(), "big") for pid in pids]
        assert [listening(one) for one in (*numbers, workers[0].pid)] == [{"127.0.0.1"}, {"127.0.0.3"}, {"127.0.0.2"}]
        for host in (first, second):
            (data,) = [path for path in (host.folder / ".rtl/fetched").rglob("*") if path.is_file()]
            assert data.read_bytes() == (client.folder / "data/digits" / data.name).read_bytes()
            assert not (host.folder / ".rtl/objects").exists()
        records = Path(client.environment["RTL_STORE"]) / "records"
        before = len(list(records.iterdir()))
        run = ("rtl", "run", "baselines", "digits", "--runner", scheduler)
        baselines = stack.enter_context(started(client, *run, pid=client.folder / "run-pid"))
        until(lambda: baselines.poll() is not None or len(list(records.iterdir())) > before, 200, lambda: "no step")
        killed(workers[1])
        assert baselines.wait(timeout=400) == 0, (client.folder / "run.txt").read_text()
    of_one_machine = {name: data for name, data in one_level.published().items() if name.startswith(TRAINED)}
    assert client.published() == of_one_machine


def test_a_scheduler_without_workers_is_one_line(hosts, server):
    (port,) = free_ports(1)
    client = told(hosts[0], PREFECT_API_URL=server, DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="1s")
    done = client.run("rtl", "run", "retrain", "digits", "--runner", f"tcp://127.0.0.1:{port}")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: runner: no worker at tcp://127.0.0.1:{port} after"), done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("runner", "line"),
    [
        ("ray", "error: --runner: found 'ray'; allowed: threads, dask, or the address of a Dask scheduler"),
        (
            "tcp://127.0.0.1:1",
            "error: --runner: tcp://127.0.0.1:1 has workers that ask a Prefect server which outlives",
        ),
    ],
)
def test_a_runner_that_cannot_be_is_one_line(hosts, runner, line):
    done = hosts[0].run("rtl", "run", "retrain", "digits", "--runner", runner)
    assert done.returncode == 1
    assert done.stderr.startswith(line) and done.stderr.count("\n") == 1
