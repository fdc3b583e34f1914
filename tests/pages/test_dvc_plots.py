"""The page of `dvc plots show` as users open it: a file, without a network."""

from pathlib import Path
from typing import Any

import pytest
from small_project import Project

DRAWN = "() => document.querySelectorAll('.vega-embed canvas, .vega-embed svg.marks').length"


@pytest.fixture
def project(one_level: Project, tmp_path: Path) -> Project:
    project = one_level.copied(tmp_path / "plotted")
    project.succeed("git", "init", "--quiet")
    return project


def test_plots_are_drawn_by_what_lies_in_the_project_or_the_page_says_what_is_missing(
    project: Project, browser_page: Any
) -> None:
    project.succeed("dvc", "plots", "show")
    asked: list[str] = []
    browser_page.on("request", lambda request: asked.append(request.url))
    page = (project.folder / "dvc_plots/index.html").as_uri()
    browser_page.goto(page)
    browser_page.wait_for_function(f"({DRAWN})() == 3")
    assert asked and all(address.startswith(project.folder.as_uri()) for address in asked)
    assert not browser_page.locator("#missing").is_visible()
    (project.folder / ".rtl/scripts/vega.js").unlink()
    browser_page.goto(page)
    assert "rtl report" in browser_page.locator("#missing").inner_text()
