"""The pictures of a report in docs/: ``python tests/report_pictures.py artifacts/digits/report.html docs``."""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

COLOURS = 160
"""Of a picture, so that it is small; those that are rare, as of lines, among them."""
PICTURES = {
    "report-wide": ((1440, 900), "light", "screen"),
    "report-wide-dark": ((1440, 900), "dark", "screen"),
    "report-phone": ((390, 844), "light", "screen"),
    "report-phone-dark": ((390, 844), "dark", "screen"),
    "report-print": ((718, 1015), "light", "print"),
}
"""By name: pixels, the reader's theme, and what the page is shown on; of print, the first sheet of A4."""


def take(report: Path, folder: Path) -> None:
    """Write a picture of the first screen for each of ``PICTURES``."""
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox"])
        for name, ((width, height), theme, media) in PICTURES.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=theme)
            page.goto(report.resolve().as_uri())
            page.locator("html[data-drawn]").wait_for()
            page.emulate_media(media=media, color_scheme=theme)
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
                folder / f"{name}.png", optimize=True
            )
            page.close()
        browser.close()


if __name__ == "__main__":
    take(*map(Path, sys.argv[1:]))
