"""Pictures on the page of a comparison: in their own shape, beside one another, on a wide and on a narrow screen."""

import numpy as np
import pytest
from example_instances import SIZE, job_tables, png_of
from example_tables import METHODS

from tasks.figures.catalogue import specs
from tasks.report.page import report


@pytest.fixture(scope="module")
def tables():
    return job_tables(seeds=(0, 1))


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("size", [SIZE, (40, 90)], ids=["wide", "tall"])
def test_a_page_shows_pictures_in_their_shape_beside_one_another(tables, browser_page, tmp_path, width, size):
    exhibits = tables["exhibits"]
    if size != SIZE:
        picture = png_of(np.zeros((size[1], size[0], 3), np.uint8))
        exhibits = exhibits.assign(png=[picture] * len(exhibits))
    complaints = []
    browser_page.on("console", lambda message: complaints.append(message.text))
    browser_page.on("pageerror", lambda error: complaints.append(str(error)))
    browser_page.set_viewport_size({"width": width, "height": 900})
    shown = {name: tables[name] for name in ("results", "summary", "scoring", "parameters")} | {"exhibits": exhibits}
    path = tmp_path / "report.html"
    path.write_bytes(report("images", shown, specs(shown), {}, {}))
    browser_page.goto(path.as_uri())
    browser_page.locator("html[data-drawn]").wait_for()
    boxes = browser_page.evaluate(
        "[...document.querySelectorAll('#exhibits image')].map(image => image.getBoundingClientRect().toJSON())"
    )
    assert complaints == []
    assert len(boxes) == 2 + 8 * len(METHODS)
    assert all(box["height"] / box["width"] == pytest.approx(size[1] / size[0], rel=0.01) for box in boxes)
    assert all(90 < box["width"] <= 180 and box["right"] <= width for box in boxes)
    assert boxes[2]["top"] == boxes[3]["top"] == boxes[4]["top"] > boxes[1]["bottom"]
    assert boxes[5]["top"] > boxes[4]["bottom"]
    chart = browser_page.locator("#exhibits .chart")
    assert chart.evaluate("box => box.scrollWidth <= box.clientWidth && box.scrollHeight <= box.clientHeight")
