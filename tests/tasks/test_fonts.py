"""The font of figures: the same pixels whatever fonts a machine has, and a word where it has no glyph."""

import hashlib
import json
import os
import shutil
import subprocess
import sys

import pytest
from example_instances import job_tables
from fontTools.ttLib import TTFont

from tasks.figures import fonts
from tasks.figures.catalogue import png, specs

PRINT_DIGESTS = """
import hashlib, json, os, shutil, sys
from tasks.figures import fonts
from tasks.figures.catalogue import png

def print_digests():
    print(*(hashlib.sha256(png(spec)).hexdigest() for spec in json.load(open(sys.argv[1]))), flush=True)

"""
IN_EACH_HOME = """for home in sys.argv[2:]:  # a process looks for fonts once
    if not os.fork():
        try:
            os.environ["HOME"] = home
            print_digests()
            shutil.rmtree(fonts._registered())
            print_digests()
        finally:
            os._exit(0)
    os.wait()
"""
HIDDEN = 'mount --bind "$0" /usr/share/fonts && exec "$@"'
AT_HOME = "Serif at home"
TITLE = {"text": "Bold: Жук, λύκος, Ærø", "fontWeight": 600}


def written(text: str, font: str = fonts.FAMILY) -> dict:
    """A picture with one text and a title."""
    return {
        "data": {"values": [{"text": text}]},
        "mark": {"type": "text", "fontSize": 30},
        "encoding": {"text": {"field": "text"}},
        "title": TITLE,
        "config": {"font": font},
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A file with a figure of names in three scripts, and a text in a font that only the home below has."""
    job = job_tables()
    collapse = job["collapse"].replace({"region 1": "Жук", "region 2": "λύκος", "region 3": "sjø"})
    tables = {"collapse": collapse[collapse.method == "rtl"], "scoring": job["scoring"]}
    (figure,) = specs(tables).values()
    path = tmp_path_factory.mktemp("drawn") / "specs.json"
    path.write_text(json.dumps([figure, written("Жук"), written("Жук", AT_HOME)]))
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with fonts of its own: a serif under names that figures mention, and under one that nothing else has."""
    home = tmp_path_factory.mktemp("home")
    serif = fonts._file("DejaVuSerif.ttf")
    (home / ".fonts").mkdir()
    for family in ("DejaVu Sans", "Liberation Sans", "Arial", AT_HOME):
        with TTFont(serif) as font:
            for record in font["name"].names:
                if record.nameID in (1, 16):
                    record.string = family
            font.save(home / f".fonts/{family}.ttf")
    return home


@pytest.fixture(scope="module")
def hidden(tmp_path_factory):
    """What hides the fonts of this machine from a command; nothing where there is no way to."""
    command = ("unshare", "--map-root-user", "--mount", "sh", "-c", HIDDEN, str(tmp_path_factory.mktemp("nothing")))
    there = shutil.which("unshare") and not subprocess.run([*command, "true"], capture_output=True).returncode
    return command if there else ()


@pytest.fixture(scope="module")
def digests(drawn, home, hidden, repository, tmp_path_factory):
    """Of the pictures in a home with fonts, first over brought ones that were altered, then over deleted ones; in one
    without fonts, as they are and deleted.
    """
    folder = tmp_path_factory.mktemp("project")
    (altered := folder / ".rtl/fonts").mkdir(parents=True)
    for name in fonts.FILES:
        (altered / name).write_bytes(fonts._file("DejaVuSerif.ttf").read_bytes())
    homes = (home, tmp_path_factory.mktemp("homeless"))
    command = [*hidden, sys.executable, "-c", PRINT_DIGESTS + IN_EACH_HOME, *map(str, (drawn, *homes))]
    known = os.environ | {"PYTHONPATH": str(repository)}
    done = subprocess.run(command, env=known, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in altered.iterdir()) == sorted(fonts.FILES)
    return [line.split() for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def expected(drawn):
    return [hashlib.sha256(png(spec)).hexdigest() for spec in json.loads(drawn.read_text())]


@pytest.mark.slow
def test_pictures_have_the_same_bytes_whatever_fonts_a_home_has_also_where_the_brought_was_altered_or_deleted(
    digests, expected
):
    of_altered, of_deleted, *without = digests
    assert of_altered[:2] == of_deleted[:2] == expected[:2]
    assert len(without) == 2 and all(of_altered[2] != other[2] for other in without), "fonts of that home were not read"


@pytest.mark.slow
def test_pictures_have_the_same_bytes_without_the_fonts_of_the_system(digests, expected, hidden):
    if not hidden:
        pytest.skip("no way here to hide the fonts of this machine")
    *_, first, again = digests
    assert first[:2] == again[:2] == expected[:2]


@pytest.mark.parametrize("text", ["жшя", "αβω", "أبت", "אבג", "Աբգ", "აბგ", "ąßœ", "ầθ₀", "⊙×≥"])
def test_letters_of_many_scripts_have_glyphs_of_their_own(text, capsys):
    assert len({png(written(letter)) for letter in text}) == len(text)
    assert capsys.readouterr().err == ""


def test_a_character_without_a_glyph_is_told_once(capsys):
    for _ in range(2):
        assert png(written("a 猫 b, ね\u200d"))
    assert capsys.readouterr().err == (
        "warning: the font of the figures has no glyph for ね 猫: "
        "what pictures show there depends on the fonts of this machine\n"
    )
