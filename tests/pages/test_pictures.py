"""Pictures on the page of a comparison: in their own shape, beside one another, on a wide and on a narrow screen."""

import numpy as np
import pytest
from example_instances import SIZE, job_tables, png_of
from example_tables import METHODS

from tasks.figures.catalogue import FIGURES, spec
from tasks.report.page import report


@pytest.fixture(scope="module")
def tables():
    return job_tables(seeds=(0, 1))


@pytest.mark.parametrize("size", [SIZE, (40, 90)], ids=["wide", "tall"])
def test_a_page_shows_pictures_in_their_shape_beside_one_another(tables, browser_page, tmp_path, size):
    exhibits = tables["exhibits"]
    if size != SIZE:
        picture = png_of(np.zeros((size[1], size[0], 3), np.uint8))
        exhibits = exhibits.assign(png=[picture] * len(exhibits))
    complaints = []
    browser_page.on("console", lambda message: complaints.append(message.text))
    browser_page.on("pageerror", lambda error: complaints.append(str(error)))
    shown = {name: tables[name] for name in ("results", "summary", "scoring", "parameters")} | {"exhibits": exhibits}
    path = tmp_path / "report.html"
    path.write_bytes(report("images", shown, {"kept": spec(FIGURES["kept"].draw(shown))}))
    browser_page.goto(path.as_uri())
    for width in (1280, 390):
        browser_page.set_viewport_size({"width": width, "height": 900})
        browser_page.locator(f"html[data-drawn='{width}']").wait_for()
        assert browser_page.evaluate("document.scrollingElement.scrollWidth") <= width
        for text in ("75 %", "50 %"):
            browser_page.locator("#exhibits select").select_option(text)
            cards = browser_page.locator("#exhibits .card img").all()
            boxes = [one.bounding_box() for one in cards if one.is_visible()]
            assert len(boxes) == 2 + 2 * len(METHODS)
            assert all(box["height"] / box["width"] == pytest.approx(size[1] / size[0], rel=0.02) for box in boxes)
            assert all(90 < box["width"] <= 210 and box["x"] + box["width"] <= width for box in boxes)
            target, *made = boxes[: 1 + len(METHODS)]
            assert made[0]["y"] == made[1]["y"] and (target["y"] == made[0]["y"]) == (width > 1000)
    assert complaints == []


def test_a_picture_is_enlarged_by_a_click_and_by_a_key(tables, browser_page, tmp_path):
    shown = {name: tables[name] for name in ("results", "summary", "scoring", "parameters", "exhibits")}
    path = tmp_path / "report.html"
    path.write_bytes(report("images", shown, {}))
    browser_page.goto(path.as_uri())
    made = browser_page.locator("#exhibits .cards:visible:not(.references) .picture")
    made.first.click()
    large = browser_page.locator("#enlarged")
    assert large.is_visible() and "RTL, " in large.inner_text()
    assert large.locator("img").bounding_box()["width"] > 3 * made.first.bounding_box()["width"]
    browser_page.keyboard.press("Escape")
    assert not large.is_visible()
    made.nth(1).focus()
    browser_page.keyboard.press("Enter")
    assert "RTL sequential, " in large.inner_text()
