"""The page of a comparison, as people open it: from disk, without a network, on a wide and on a narrow screen."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from example_tables import CLASSES, example_tables
from typer.testing import CliRunner

from flows.command_line.app import app
from tasks.figures.catalogue import FIGURES, specs
from tasks.report.description import tables_digest
from tasks.report.page import report
from tasks.settings.sections import flat_settings

FACTS = {"git.commit": "0958a95c2b5f4a0d9c7a6b4d3e2f1a0b9c8d7e6f", "mlflow.run_id": "c0ffee", "seeds": "0, 1, 2"}
DRAWN = [name for name in FIGURES if name not in ("instances", "exhibits")]
"""What the example tables, of one job without pictures, are enough for."""
SETTINGS = flat_settings({"problem": "rtl_core.problems.digits:Digits", "retrain": {"duration": "3ep"}})
HOSTILE = ["<b>bold</b>", "\"quoted\" & 'so'", "</script><script>alert(1)</script>", "<!--", "NA", *CLASSES[5:]]


@pytest.fixture(scope="module")
def page(published):
    return report("digits", published, specs(published), FACTS, SETTINGS)


@pytest.fixture
def opened(browser_page, tmp_path):
    """Opens a page from disk with the network off, waits until it is drawn, and returns what went wrong."""

    def open_page(html: bytes, width: int) -> list[str]:
        complaints: list[str] = []
        path = tmp_path / "report.html"
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

    return open_page


def marks(browser_page):
    """How many marks each figure shows, by its name."""
    return browser_page.evaluate("""Object.fromEntries([...document.querySelectorAll("section.figure")].map(
        section => [section.id, section.querySelectorAll(".chart svg .mark-group path[d]").length]))""")


@pytest.mark.parametrize("width", [1280, 390])
def test_it_draws_every_figure_alone_and_without_scrolling_sideways(page, opened, browser_page, width):
    assert opened(page, width) == []
    drawn = marks(browser_page)
    assert list(drawn) == DRAWN
    assert min(drawn.values()) > 10
    assert browser_page.evaluate("document.scrollingElement.scrollWidth") <= width
    for chart in browser_page.locator(".chart").all():
        assert chart.evaluate("box => box.scrollWidth <= box.clientWidth")


def test_a_name_clicked_in_the_legend_stands_out(page, opened, browser_page):
    opened(page, 1280)
    figure = browser_page.locator("#metrics svg")
    faded = figure.locator("path[opacity='0.1']")
    assert faded.count() == 0
    figure.get_by_text("RTL sequential", exact=True).click()
    faded.first.wait_for()


def test_controls_change_the_level_and_the_method_shown(page, opened, browser_page):
    opened(page, 1280)
    assert browser_page.locator("#heatmaps svg").get_by_text("75 % sparsity").count() == 1
    browser_page.locator("#heatmaps input").fill("0")
    browser_page.locator("#heatmaps svg").get_by_text("3 % sparsity", exact=True).wait_for()
    browser_page.locator("#function select").last.select_option("rtl_sequential")
    browser_page.locator("#function svg").get_by_text("RTL sequential, 75 % sparsity").wait_for()


def test_a_page_made_narrower_is_drawn_again_to_fit(page, opened, browser_page):
    assert opened(page, 1280) == []
    browser_page.set_viewport_size({"width": 390, "height": 900})
    browser_page.locator("html[data-drawn='390']").wait_for()
    assert browser_page.evaluate("document.scrollingElement.scrollWidth") <= 390
    assert min(marks(browser_page).values()) > 10


def test_on_paper_settings_are_open_and_controls_are_gone(page, opened, browser_page):
    opened(page, 1280)
    settings = browser_page.locator("table.settings")
    assert not settings.is_visible()
    browser_page.emulate_media(media="print")
    assert settings.is_visible() and "3ep" in settings.inner_text()
    assert not any(control.is_visible() for control in browser_page.locator(".controls, nav, summary").all())


def test_subsets_and_settings_may_have_any_name(opened, browser_page):
    tables = example_tables(HOSTILE, seeds=[0], rounds=8)
    html = report("</title>", tables, specs(tables), {"<i>": "</script>"}, {"key": "<script>alert(2)</script>"})
    assert opened(html, 1280) == []
    assert list(marks(browser_page)) == DRAWN
    assert browser_page.locator("h1").inner_text() == "</title>"
    assert browser_page.locator("dt").inner_text() == "<i>"
    for name in HOSTILE[:5]:
        assert browser_page.locator("#collapse svg").get_by_text(name, exact=True).count() > 1


def test_it_tells_all_that_it_was_given_and_is_the_same_every_time(page, published):
    text = page.decode()
    assert page == report("digits", published, specs(published), FACTS, SETTINGS)
    assert all(part in text for part in ("git commit", FACTS["git.commit"], "MLflow run", "c0ffee", "retrain.duration"))
    assert text.count('lang="en"') == text.count("<title>") == text.count('name="viewport"') == 1


def test_without_facts_and_with_four_tables_it_is_a_page_all_the_same(published, opened, browser_page):
    few = {name: published[name] for name in ("results", "summary", "scoring", "parameters")}
    assert opened(report("digits", few, specs(few), {}, {}), 390) == []
    assert list(marks(browser_page)) == ["metrics", "parameters", "kept"]
    assert browser_page.locator("dl").count() == 0


@pytest.fixture
def project(repository, tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_bytes((repository / "params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_rtl_report_writes_the_page_and_prints_its_path(project):
    folder = project / "artifacts/digits"
    (folder / "tables").mkdir(parents=True)
    for name, table in example_tables(seeds=[0], rounds=8).items():
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


def test_doubts_stand_above_everything_else_and_only_where_there_are_any(page, published, opened, browser_page):
    assert 'id="doubts"' not in page.decode()
    line = "RTL at 75 %: the loss of 1 of 30 tickets (<b>; seed 0) did not fall in training"
    doubts = pd.DataFrame([{"method": "rtl", "sparsity": 0.75, "kind": "losses", "text": line}])
    assert opened(report("digits", published | {"doubts": doubts}, specs(published), FACTS, SETTINGS), 390) == []
    box = browser_page.locator("#doubts")
    assert box.locator("li").all_inner_texts() == [line]
    assert box.bounding_box()["y"] < browser_page.locator("#results").bounding_box()["y"]
    assert browser_page.evaluate("document.scrollingElement.scrollWidth") <= 390


def test_rtl_report_before_any_comparison_is_one_line(project):
    done = subprocess.run([Path(sys.executable).parent / "rtl", "report", "digits"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == ["error: artifacts/digits/tables/results.csv: not found; run `dvc repro` first"]
    assert not (project / "artifacts").exists()
