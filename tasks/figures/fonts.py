"""Which font figures are set in: one that is brought, so that a picture has the same pixels on every machine."""

import io
import sys
import unicodedata
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from xml.etree import ElementTree

import vl_convert
from fontTools.ttLib import TTFont

from tasks.artefacts import paths
from tasks.artefacts.whole_file import write_atomically

FAMILY = "Routing the Lottery Sans"
"""The family of the brought font: no machine has another under this name, which would be taken instead."""

FILES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")
"""The files of Matplotlib that are brought: DejaVu Sans in the weights 400 and 700, the latter also for 600."""

_NAMES = (1, 3, 4, 6, 16)  # family, identifier, full name, PostScript's and the typographic family's
_bringing = Lock()
_told: set[str] = set()


def bring_font() -> None:
    """Make the brought font known to vl-convert, which reads its files whenever it draws."""
    with _bringing:
        folder = _registered()
        for name in FILES:
            if not (folder / name).is_file():  # .rtl may be deleted at any time
                write_atomically(folder / name, _renamed(name))


def tell_foreign(svg: str) -> None:
    """Say on stderr, once in a process, which characters of an SVG's texts only fonts of the machine can draw."""
    texts = (text for part in ElementTree.fromstring(svg).iterfind(".//{*}text") for text in part.itertext())
    foreign = {c for c in {*"".join(texts)} if ord(c) not in _drawable() and not _is_blank(c)}
    with _bringing:
        new = sorted(foreign - _told)
        _told.update(new)
    if new:
        print(
            f"warning: the font of the figures has no glyph for {' '.join(new)}: "
            "what pictures show there depends on the fonts of this machine",
            file=sys.stderr,
        )


@cache
def _registered() -> Path:
    folder = paths.fonts().absolute()
    for name in FILES:
        write_atomically(folder / name, _renamed(name))
    vl_convert.register_font_directory(str(folder))
    return folder


@cache
def _drawable() -> frozenset[int]:
    """Code points that every file has a glyph for."""
    drawn = []
    for name in FILES:
        with _font(name) as font:
            drawn.append(frozenset(font.getBestCmap()))
    return frozenset.intersection(*drawn)


def _file(name: str) -> Path:
    package = find_spec("matplotlib")  # not imported, which takes long and writes into the home folder
    assert package is not None and package.submodule_search_locations
    return Path(package.submodule_search_locations[0], "mpl-data/fonts/ttf", name)


def _font(name: str) -> TTFont:
    return TTFont(_file(name), lazy=True, recalcTimestamp=False)


def _renamed(name: str) -> bytes:
    renamed = io.BytesIO()
    with _font(name) as font:
        for record in font["name"].names:
            if record.nameID in _NAMES:
                called = record.toUnicode().replace("DejaVu Sans", FAMILY)
                record.string = called.replace("DejaVuSans", FAMILY.replace(" ", ""))
        font.save(renamed)
    return renamed.getvalue()


def _is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cc", "Cf")
