"""The web pages as users open them: real servers started by ``rtl ui``, a real browser."""

import signal
import socket
from collections.abc import Iterator

import psutil
import pytest
from http_answers import HOST, answers, free_ports
from small_project import Project
from web_pages import Pages, pages_of


@pytest.fixture(scope="module")
def project(one_level: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which a small pipeline has run, under the server of its own that ended with it."""
    return one_level.copied(tmp_path_factory.mktemp("servers"))


@pytest.fixture(scope="module")
def pages(project: Project) -> Iterator[Pages]:
    with pages_of(project, *free_ports(2)) as pages:
        pages.wait_for(
            lambda: (
                answers(f"{pages.prefect}/api/ready")
                and answers(f"{pages.mlflow}/health")
                and "Ctrl-C" in pages.printed()
            )
        )
        yield pages


def test_it_prints_both_addresses_and_nothing_else_of_the_servers(pages):
    lines = pages.printed().splitlines()
    named, opened = zip(*(line.split()[:2] for line in lines[:2]), strict=True)
    assert named == ("Prefect", "MLflow") and opened[0] == pages.prefect and opened[1].startswith(f"{pages.mlflow}/#/")
    assert lines[2].split()[0].startswith(f"{pages.mlflow}/#/experiments/") and lines[2].split()[1] == "digits"
    assert lines[3:] == ["Ctrl-C stops both."]


def test_both_listen_on_this_machine_alone(pages):
    listening = [
        connection.laddr
        for process in pages.tree()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {tuple(address) for address in listening} == {(HOST, port) for port in pages.ports}


def test_a_browser_sees_the_flow_runs_in_prefect(pages, browser_page):
    browser_page.goto(f"{pages.prefect}/runs")
    for flow in ("pipeline", "partition", "extract", "retrain", "baselines", "compare"):
        browser_page.get_by_text(f"{flow} digits", exact=True).wait_for()


def test_a_browser_sees_the_methods_below_their_parent_run_in_mlflow(pages, browser_page):
    browser_page.goto(pages.printed().splitlines()[2].split()[0])
    browser_page.get_by_text("4 matching runs").wait_for()  # every method at its one sparsity
    browser_page.goto("about:blank")
    browser_page.goto(pages.printed().splitlines()[2].split()[0].replace("&viewStateShareKey=rtl", ""))
    parent = browser_page.get_by_role("row").filter(has=browser_page.get_by_role("link", name="digits", exact=True))
    parent.locator("button[data-component-id*=runnamecellrenderer]").click()
    for method in ("RTL", "RTL sequential", "IMP single", "IMP multiple"):
        browser_page.get_by_role("link", name=method, exact=True).wait_for()
    browser_page.get_by_role("link", name="extraction", exact=True).wait_for()
    browser_page.get_by_text("10 matching runs").wait_for()


def test_ctrl_c_stops_both_and_leaves_nothing_running(pages):
    assert pages.end(signal.SIGINT) == []
    assert pages.printed().splitlines()[4:] == ["stopped"]


def test_closing_the_terminal_while_they_start_leaves_nothing_running(project):
    with pages_of(project, *free_ports(2), forked=True) as pages:
        pages.wait_for(lambda: "Ctrl-C" in pages.printed() and len(pages.tree()) >= 4)  # MLflow's has started another
        assert pages.end(signal.SIGHUP) == []


def test_a_taken_port_is_one_line_and_stops_the_other_server(project):
    (other,) = free_ports(1)
    with (
        socket.create_server((HOST, 0)) as taken,
        pages_of(project, taken.getsockname()[1], other, forked=True) as pages,
    ):
        pages.wait_for(lambda: "Ctrl-C" in pages.printed())
        tree = pages.tree()
        assert pages.process.wait(timeout=60) == 1
        assert psutil.wait_procs(tree, timeout=1)[1] == []
    (line,) = pages.printed().splitlines()[4:]
    assert line.startswith("error: the server of Prefect stopped; is its port taken?")
