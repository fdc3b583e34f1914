"""The page of a comparison, as people open it: from disk, without a network, on a wide and on a narrow screen."""

import json
import os
import subprocess
from functools import partial

import pandas as pd
import pytest
from example_tables import CLASSES, SCORES, example_tables
from example_verdicts import TIE, WINNER, negated, tables_of
from typer.testing import CliRunner
from warm_start import warm

from flows.command_line.app import app
from tasks.figures.catalogue import FIGURES, spec, specs
from tasks.report.description import Description, Time, tables_digest
from tasks.report.page import report
from tasks.settings.sections import flat_settings
from tasks.tables.names import method_name, metric_name, score_text
from tasks.tables.standings import standings

FACTS = {"git.commit": "0958a95c2b5f4a0d9c7a6b4d3e2f1a0b9c8d7e6f", "mlflow.run_id": "c0ffee", "seeds": "0, 1, 2"}
DRAWN = [name for name in FIGURES if name not in ("instances", "exhibits")]
"""What the example tables, of one job without pictures, are enough for."""
FEW = ("results", "summary", "scoring", "parameters")
SETTINGS = flat_settings({"problem": "rtl_core.problems.digits:Digits", "retrain": {"duration": "3ep"}})
KNOWN = Description(
    facts=FACTS,
    settings=SETTINGS,
    left_out=[],
    made_at="2026-01-02T03:04:05+00:00",
    times=[Time("", "rtl", 0.75, 42.4)],
    seconds=55.0,
)
HOSTILE = ["<b>bold</b>", "\"quoted\" & 'so'", "</script><script>alert(1)</script>", "<!--", "NA", CLASSES[5]]


@pytest.fixture(scope="module")
def drawn(published):
    return specs(published)


@pytest.fixture(scope="module")
def page(published, drawn):
    return report("digits", published, drawn, KNOWN)


def open_page(browser_page, path, html, width):
    """Open a page from disk with the network off, wait until it is drawn, and return what goes wrong."""
    complaints: list[str] = []
    path.write_bytes(html)
    browser_page.set_viewport_size({"width": width, "height": 900})
    browser_page.context.set_offline(True)
    browser_page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    browser_page.on("pageerror", lambda error: complaints.append(f"page error: {error}"))
    browser_page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}") or dialog.dismiss())
    browser_page.on("request", lambda asked: asked.url == path.as_uri() or complaints.append(f"asked: {asked.url}"))
    browser_page.goto(path.as_uri())
    browser_page.locator("html[data-drawn]").wait_for()
    return complaints


@pytest.fixture
def opened(browser_page, tmp_path):
    return partial(open_page, browser_page, tmp_path / "report.html")


@pytest.fixture(scope="module")
def opened_once(browser, page, tmp_path_factory):
    """The page at 1280 pixels, and what goes wrong on it, for tests that leave it as it was but for its size."""
    browser_page = browser.new_page()
    browser_page.set_default_timeout(30_000)
    yield browser_page, open_page(browser_page, tmp_path_factory.mktemp("once") / "report.html", page, 1280)
    browser_page.context.close()


@pytest.fixture
def wide_page(opened_once):
    browser_page, complaints = opened_once
    browser_page.emulate_media(media="screen", color_scheme="light")
    browser_page.set_viewport_size({"width": 1280, "height": 900})
    browser_page.locator("html[data-drawn='1280']").wait_for()
    yield browser_page
    assert complaints == []


COMPARED = {
    "a winner": (WINNER, True, "RTL is ahead at 75 % sparsity, by ", ["RTL"]),
    "a tie": (TIE, True, "No winner at 75 % sparsity: ", ["IMP multiple", "RTL"]),
    "lower is better": (negated(WINNER), False, "RTL is ahead at 75 % sparsity, by ", ["RTL"]),
}


@pytest.mark.parametrize("case", COMPARED)
def test_the_first_screen_says_which_method_wins_and_which_cannot_be_told_from_it(case, opened, browser_page):
    scores, higher, verdict, level = COMPARED[case]
    tables = tables_of(scores, higher=higher)
    assert opened(report("by hand", tables, {"kept": spec(FIGURES["kept"].draw(tables))}), 1440) == []
    assert browser_page.locator("#verdict p").first.inner_text().startswith(verdict)
    board = browser_page.locator(".leaderboard tbody tr")
    names = board.locator("button").all_inner_texts()
    means = sorted(scores, key=lambda method: sum(scores[method]) * (-1 if higher else 1))
    assert names == [method_name(method) for method in means]
    tied = [name for name, row in zip(names, board.all(), strict=True) if row.locator(".tie").count()]
    assert [names[0], *tied] == level
    weight = "row => getComputedStyle(row.querySelector('td')).fontWeight"
    assert [row.evaluate(weight) for row in board.all()] == ["700", *["400"] * (len(names) - 1)]
    assert ("↑ better" if higher else "lower is better) ↓") in browser_page.locator("#heading").inner_text()


def test_which_method_wins_at_75_percent_is_seen_without_scrolling(wide_page):
    seen = [
        wide_page.get_by_text("at 75 % sparsity").first,
        wide_page.locator("#kept .chart svg"),
        wide_page.locator(".leaderboard table"),
        wide_page.locator(".strip"),
    ]
    boxes = [one.bounding_box() for one in seen]
    assert all(box["y"] >= 0 and box["y"] + box["height"] <= 900 for box in boxes)
    assert boxes[1]["x"] + boxes[1]["width"] <= boxes[2]["x"]
    level = wide_page.get_by_label("sparsity", exact=True).first
    assert level.evaluate("one => one.selectedOptions[0].text") == "75 %"
    assert wide_page.locator(".leaderboard caption").inner_text() == "At 75 % sparsity"
    strip = seen[3].inner_text()
    assert "Worst subset" in strip and "AUROC falls from 73 % [67, 78]" in strip
    assert "alarm, which needs no labels, rings at 68 % (1 of 3 seeds)" in strip
    assert wide_page.evaluate("scrollY") == 0


def test_dark_and_on_paper_texts_are_told_from_their_ground(wide_page):
    light_of = """place => getComputedStyle(document.querySelector(place[0]))[place[1]]
        .match(/[0-9]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part) / 765, 0)"""
    for scheme, media, ground in (("light", "screen", 1), ("dark", "screen", 0), ("dark", "print", 1)):
        wide_page.emulate_media(color_scheme=scheme, media=media)
        assert wide_page.evaluate(light_of, ["body", "backgroundColor"]) == pytest.approx(ground, abs=0.12)
        for text in ("#kept .chart svg text", "#collapse .chart svg text", "#worth .role-legend-title text"):
            assert abs(wide_page.evaluate(light_of, [text, "fill"]) - ground) > 0.6, (scheme, media, text)


def marks(browser_page):
    """How many marks each figure shows, by its name."""
    return browser_page.evaluate("""Object.fromEntries([...document.querySelectorAll("section.figure")].map(
        section => [section.id, section.querySelectorAll(".chart svg .mark-group path[d]").length]))""")


def check_drawn(browser_page, width):
    """Every figure is there, and none is wider than its place."""
    found = marks(browser_page)
    assert list(found) == DRAWN
    assert min(found.values()) > 10
    assert browser_page.evaluate("document.scrollingElement.scrollWidth") <= width
    for chart in browser_page.locator(".chart").all():
        assert chart.evaluate("box => box.scrollWidth <= box.clientWidth")


def test_it_draws_every_figure_alone_and_without_scrolling_sideways(wide_page):
    check_drawn(wide_page, 1280)


def test_so_it_does_where_it_is_opened_on_a_narrow_screen_and_doubts_stand_above_everything_else(
    page, published, drawn, opened, browser_page
):
    line = "RTL at 75 %: the loss of 1 of 30 tickets (<b>; seed 0) did not fall in training"
    doubts = pd.DataFrame([{"method": "rtl", "sparsity": 0.75, "kind": "losses", "text": line}])
    assert opened(report("digits", published | {"doubts": doubts}, drawn, KNOWN), 390) == []
    check_drawn(browser_page, 390)
    box = browser_page.locator("#doubts")
    assert box.locator("li").all_inner_texts() == [line]
    assert box.bounding_box()["y"] < browser_page.locator("#kept").bounding_box()["y"]
    assert 'id="doubts"' not in page.decode()  # where there are none


@pytest.mark.parametrize("figure", ["metrics", "kept"])
def test_a_name_in_a_legend_is_a_button_that_brings_it_out_and_back(figure, wide_page):
    faded = wide_page.locator(f"#{figure} .chart path[opacity='0.1']")
    place = wide_page.locator(".leaderboard" if figure == "kept" else f"#{figure} .legend")
    button = place.get_by_role("button", name="RTL sequential", exact=True)
    assert faded.count() == 0
    button.focus()
    wide_page.keyboard.press("Enter")
    faded.first.wait_for()
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    faded.first.wait_for(state="detached")
    assert button.get_attribute("aria-pressed") == "false"


def test_controls_change_the_level_and_the_method_shown(wide_page):
    assert wide_page.locator("#heatmaps .chart").get_by_text("75 % sparsity").count() == 1
    wide_page.locator("#heatmaps input").fill("0")
    wide_page.locator("#heatmaps .chart").get_by_text("3 % sparsity", exact=True).wait_for()
    wide_page.locator("#function select").select_option("RTL sequential, 75 % sparsity")
    wide_page.locator("#function .chart").get_by_text("RTL sequential, 75 % sparsity").wait_for()


def test_a_selector_offers_only_what_there_is(published, opened, browser_page):
    asked = "method == 'rtl' and sparsity == 0.95"
    further = {
        name: pd.concat([published[name], published[name].query(asked).assign(sparsity=0.97)])
        for name in ("function", "agreement")
    }
    names = ("scoring", "function", "agreement")
    drawn = specs({name: (published | further)[name] for name in names}) | {
        "kept": spec(FIGURES["kept"].draw(published))
    }
    opened(report("digits", published, drawn), 1280)
    offered = browser_page.locator("#function option").all_inner_texts()
    assert "RTL, 97 % sparsity" in offered and "RTL sequential, 97 % sparsity" not in offered
    for text in offered:
        browser_page.locator("#function select").select_option(text)
        browser_page.locator("#function .chart").get_by_text(text).wait_for()
        assert "NaN" not in browser_page.locator("#function .chart").inner_text()
    asked = {"protocol": "paper", "metric": "recall", "subset": "bird", "sparsity": "95 %"}
    metrics = {name for protocol, name in SCORES if protocol == "paper"}
    for label, text in asked.items():
        choice = browser_page.locator("#answer").get_by_label(label, exact=True)
        if label == "metric":
            assert set(choice.locator("option").all_inner_texts()) == {metric_name(name) for name in metrics}
        choice.select_option(text)
    rows = standings(published, 0.95, ("paper", "recall"), "bird")
    shown = browser_page.locator(".leaderboard tbody tr")
    assert shown.locator("button").all_inner_texts() == [method_name(row.method) for row in rows]
    scores = ["".join(text.split("\n")) for text in shown.locator("td:nth-child(2)").all_inner_texts()]
    assert scores == [score_text(row.mean, row.low, row.high).replace(" [", "[") for row in rows]
    drawn = browser_page.evaluate("views.get('kept').data('shown')")
    found = {row["name"]: row["mean"] for row in drawn if row["percent"] == 95}
    assert found == pytest.approx({method_name(row.method): row.mean for row in rows}, abs=1e-5)


def test_a_page_made_narrower_is_drawn_again_to_fit(wide_page):
    wide_page.set_viewport_size({"width": 390, "height": 900})
    wide_page.locator("html[data-drawn='390']").wait_for()
    assert wide_page.evaluate("document.scrollingElement.scrollWidth") <= 390
    assert min(marks(wide_page).values()) > 10


def test_on_paper_settings_are_open_and_controls_are_gone(wide_page):
    settings = wide_page.locator("table.settings")
    assert not settings.is_visible()
    wide_page.emulate_media(media="print")
    assert settings.is_visible() and "3ep" in settings.inner_text()
    assert not any(control.is_visible() for control in wide_page.locator(".controls, .choices, nav, summary").all())


def test_subsets_and_settings_may_have_any_name(opened, browser_page):
    tables = example_tables(HOSTILE, seeds=[0])
    about = Description(facts={"<i>": "</script>"}, settings={"key": "<script>alert(2)</script>"}, left_out=[])
    html = report("</title>", tables, specs(tables), about)
    assert opened(html, 1280) == []
    assert list(marks(browser_page)) == DRAWN
    assert browser_page.locator("h1").inner_text() == "</title>"
    assert browser_page.locator("dt").text_content() == "<i>"
    part = browser_page.get_by_label("subset", exact=True).first
    assert set(HOSTILE) < set(part.locator("option").all_inner_texts())
    part.select_option(HOSTILE[2])
    assert HOSTILE[2] in browser_page.locator("#heading").inner_text()
    for name in HOSTILE[:5]:
        assert browser_page.locator("#collapse .chart").get_by_text(name, exact=True).count() > 1


def test_it_tells_all_that_it_was_given_and_is_the_same_every_time(page, published, drawn):
    text = page.decode()
    assert page == report("digits", published, drawn, KNOWN)
    assert all(part in text for part in ("git commit", FACTS["git.commit"], "MLflow run", "c0ffee", "retrain.duration"))
    assert all(
        part in text for part in ("10 subsets", "3 seeds", "2 January 2026, 03:04 UTC", "55 s of training", '"42 s"')
    )
    assert text.count('lang="en"') == text.count("<title>") == text.count('name="viewport"') == 1


def test_without_facts_and_with_four_tables_it_is_a_page_all_the_same(opened, browser_page):
    tables = example_tables(CLASSES[:3], seeds=[0])
    few = {name: tables[name] for name in FEW}
    assert opened(report("digits", few, specs(few)), 390) == []
    assert list(marks(browser_page)) == ["kept", "subsets", "metrics", "parameters"]
    assert browser_page.locator("dl").count() == 0


@pytest.fixture
def project(repository, tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_bytes((repository / "params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_rtl_report_writes_the_page_and_prints_its_path(project):
    folder = project / "artifacts/digits"
    (folder / "tables").mkdir(parents=True)
    for name, table in example_tables(CLASSES[:3], seeds=[0]).items():
        if name == "pairs":
            table.to_parquet(folder / "tables/pairs.parquet")
        else:
            table.to_csv(folder / f"tables/{name}.csv", index=False)
    (folder / "tables/alignment.csv").write_text("\n")
    done = CliRunner().invoke(app, ["report", "digits"], catch_exceptions=False)
    assert (done.exit_code, done.output) == (0, "artifacts/digits/report.html\n")
    html = (folder / "report.html").read_text()
    assert [name for name in FIGURES if f'id="{name}"' in html] == [name for name in DRAWN if name != "alignment"]
    assert 'id="settings"' not in html and "<dl>" not in html and "nothing is known here" in html

    for path in (folder / "tables").iterdir():  # figures, of which the rest says nothing, take time
        path.unlink()
    for name, table in tables_of(WINNER).items():
        table.to_csv(folder / f"tables/{name}.csv", index=False)
    (folder / "runs").mkdir()
    known = folder / f"runs/{tables_digest('digits')}.json"
    about = {"facts": FACTS, "settings": {"retrain.duration": "3ep"}, "left_out": ["a.png: bad"]}
    described = json.dumps(about)
    known.write_text(described)
    CliRunner().invoke(app, ["report", "digits"], catch_exceptions=False)
    html = (folder / "report.html").read_text()
    assert all(text in html for text in (FACTS["git.commit"], "retrain.duration", "a.png: bad"))
    assert "nothing is known here" not in html

    known.write_text("{")
    CliRunner().invoke(app, ["report", "digits"], catch_exceptions=False)
    assert "nothing is known here" in (folder / "report.html").read_text()  # of a description that is damaged

    known.write_text(described)
    (folder / "tables/knees.csv").write_text("\n")
    CliRunner().invoke(app, ["report", "digits"], catch_exceptions=False)
    assert "nothing is known here" in (folder / "report.html").read_text()  # other tables, other run


def test_rtl_report_before_any_comparison_is_one_line(project, repository):
    environment = warm({**os.environ, "PYTHONPATH": str(repository)})
    done = subprocess.run(["rtl", "report", "digits"], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == ["error: artifacts/digits/tables/results.csv: not found; run `dvc repro` first"]
    assert not (project / "artifacts").exists()
