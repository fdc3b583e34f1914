"""What a terminal of 80 columns and a log show: how far a run is, what it came to, who leads, what a problem is."""

import io
import itertools
import json
import re
import shutil
from types import SimpleNamespace

import pytest
from example_tables import example_tables
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

from flows.command_line.app import app
from flows.command_line.leaderboard import show_leaderboard
from flows.command_line.terminal_tables import show_every_table
from flows.ending import print_sentences, show_end
from flows.progress import Bar
from tasks.artefacts import paths
from tasks.jobs.training_times import Training, keep_training_times
from tasks.process.status import forget, say
from tasks.report.description import Description, Time, tables_digest, write_description
from tasks.tables.by_level import MARK
from tasks.tables.names import method_name, time_text
from tasks.tables.published import read_tables
from tasks.tables.standings import shown_first, standings
from tasks.tables.verdict import verdict

COLUMNS = 80
STEPS, KEPT = 684, 612
LONG = "epoch 3 done, of a step whose name alone is as long as what a terminal has room for in all its columns"


@pytest.fixture
def run_bar(monkeypatch):
    """Let a bar run through steps so many seconds apart, and return the lines that it leaves."""

    def run(is_terminal, apart=0.0, steps=STEPS, until=STEPS):
        shown, moments = io.StringIO(), itertools.count()
        monkeypatch.setattr(
            "flows.progress.Console", lambda: Console(file=shown, force_terminal=is_terminal, width=COLUMNS)
        )
        monkeypatch.setattr("flows.progress.create_progress_artifact", lambda *_, **__: "an id")
        monkeypatch.setattr("flows.progress.update_progress_artifact", lambda *_: None)
        monkeypatch.setattr("flows.progress.time", SimpleNamespace(monotonic=lambda: apart * next(moments)))
        with Bar("baselines: rounds and trainings", steps) as bar:
            for number in range(until):
                bar.advance(number < KEPT, 0)
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue())
        return [line for line in re.split(r"[\r\n]+", plain) if line]

    yield run
    forget("china")


def test_count_time_and_time_left_stand_whole_beside_a_long_detail(run_bar):
    say("china", LONG)
    lines = run_bar(True, until=STEPS - 2)
    assert max(map(cell_len, lines)) <= COLUMNS
    bar, kept, detail = lines[-3:]
    assert re.search(r" 70/72 \d:\d\d:\d\d, \d:\d\d:\d\d left$", bar) and bar.startswith("baselines: rounds and train")
    assert kept.strip() == f"{KEPT} of {STEPS} kept" and detail.strip().startswith("china: epoch 3") and "…" in detail


@pytest.mark.parametrize("is_terminal", [True, False])
def test_where_all_is_kept_nothing_is_counted_as_work(run_bar, is_terminal):
    (line,) = run_bar(is_terminal, steps=KEPT, until=KEPT)[-1:]
    assert f"all {KEPT} kept" in line and not re.search(r"\d/\d", line)


def test_a_log_has_few_lines_however_long_it_takes_and_one_of_what_is_quick(run_bar):
    (line,) = run_bar(False)
    assert line == "baselines: rounds and trainings: 72/72; 612 of 684 kept; 0:00:00"
    say("china", LONG)
    lines = run_bar(False, apart=60.0)
    assert 2 < len(lines) <= 10 and all("; 612 of 684 kept; " in line for line in lines)
    assert lines[0].endswith(f"china: {LONG}") and "72/72" in lines[-1] and "china" not in lines[-1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.24, "4.2 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (83.2, "1 min 23 s"), (7509, "2 h 5 min")],
)
def test_a_time_is_said_as_people_say_it(seconds, text):
    assert time_text(seconds) == text


def test_no_interval_and_no_unit_is_torn_from_its_number(capsys, monkeypatch):
    for width in range(40, 90):
        monkeypatch.setenv("COLUMNS", str(width))
        print_sentences(["RTL is ahead at 75 % sparsity, by .40 [.10, .70]: PSNR 31.20 [31.00, 31.40] dB of all."])
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= width and " ".join(lines).endswith("31.20 [31.00, 31.40] dB of all.")
        assert all(line.count("[") == line.count("]") and not re.match("%|dB", line) for line in lines)


@pytest.fixture
def tables():
    made = example_tables(seeds=(0, 1, 2))
    return made | {"margins": made["results"][:0]}


def test_every_table_stays_whole_at_80_columns_and_marks_the_best(tables, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    show_every_table("cifar10", tables)
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert max(map(cell_len, lines)) <= COLUMNS and all(line.count("[") == line.count("]") for line in lines)
    for level in ("25 %", "50 %", "75 %", "87.5 %", "95 %"):
        assert re.search(rf"^ +.*{level}", shown, re.MULTILINE)
    auroc = shown.partition("AUROC")[2].partition("average precision")[0]
    leading = {row.method for row in standings(tables, 0.25, ("matched", "auroc")) if row.leads}
    for method in tables["results"].method.unique():
        (row,) = re.findall(rf"^   ?{re.escape(method_name(method))}  +(.*)$", auroc, re.MULTILINE)
        assert re.match(r"\S+ \[[^]]*\]( \*)?", row)[1] == (f" {MARK}" if method in leading else None)


def test_the_leaderboard_fits_and_begins_with_the_best(tables, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.chdir(tmp_path)
    show_leaderboard("cifar10", tables)
    shown = capsys.readouterr().out
    assert max(map(cell_len, shown.splitlines())) <= COLUMNS
    first, *_ = rows = standings(tables, 0.75)
    places = [shown.index(f"\n {method_name(row.method)} ") for row in rows]
    assert places == sorted(places) and "steps" in shown and "training" not in shown.partition(MARK + " the best")[0]
    assert f"{first.kept:,.0f}" in shown.splitlines()[6]


def test_the_leaderboard_has_the_times_of_the_run_that_its_tables_came_from(one_level, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(one_level.folder / "artifacts/digits/tables", paths.tables("digits"))
    tables = read_tables(paths.tables("digits"), ["results", "summary", "scoring", "parameters"])
    level = shown_first(tables["results"])
    local = [Training("", "rtl", 0, level, part, 3600.0) for part in ("masks", "training")]
    keep_training_times("digits", "retrain", local)

    def shown():
        show_leaderboard("digits", tables)
        return capsys.readouterr().out

    assert "2 h 0 min" not in shown()
    times = [Time("", "rtl", level, 83.2)]
    described = Description(facts={}, settings={}, left_out=[], times=times)
    write_description("digits", tables_digest("digits"), described)
    assert "1 min 23 s" in shown() and "–" in shown() and "2 h 0 min" not in shown()


def test_a_flow_ends_with_the_verdict_where_its_page_is_and_how_long_it_took(one_level, capsys, monkeypatch):
    monkeypatch.chdir(one_level.folder)
    show_end("digits", "compare", 83.2)
    said = capsys.readouterr().out
    tables = read_tables(paths.tables("digits"), ["results", "scoring", "parameters"])
    assert verdict(tables)[0] in " ".join(said.split())
    assert "All of it on one page: artifacts/digits/report.html" in said
    assert said.endswith("compare of digits: 1 min 23 s\n")
    show_end("digits", "extract", 1.0)
    assert capsys.readouterr().out == "extract of digits: 1.0 s\n"


def test_a_problem_is_told_to_people_and_to_programs(one_level, monkeypatch):
    monkeypatch.chdir(one_level.folder)
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    shown, told = (CliRunner().invoke(app, ["info", "digits", *more]).output for more in ([], ["--json"]))
    facts = json.loads(told)
    assert facts["prunable_weights"] == 13_968 and facts["num_subsets"] == len(facts["subsets"]) == 10
    assert "13,968" in shown and ", ".join(facts["subsets"]) in " ".join(shown.split())
    assert not re.search(r"[{}\"]", shown) and max(map(len, shown.splitlines())) <= COLUMNS
