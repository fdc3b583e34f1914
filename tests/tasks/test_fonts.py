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
TWICE = """print_digests()
shutil.rmtree(fonts._registered())
print_digests()
"""
IN_EACH_HOME = """for home in sys.argv[2:]:  # a process looks for fonts once
    if not os.fork():
        try:
            os.environ["HOME"] = home
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


@pytest.fixture
def home(tmp_path):
    """A home with fonts of its own: a serif under names that figures mention, and under one that nothing else has."""
    serif = fonts._file("DejaVuSerif.ttf")
    (tmp_path / ".fonts").mkdir()
    for family in ("DejaVu Sans", "Liberation Sans", "Arial", AT_HOME):
        with TTFont(serif) as font:
            for record in font["name"].names:
                if record.nameID in (1, 16):
                    record.string = family
            font.save(tmp_path / f".fonts/{family}.ttf")
    return tmp_path


def digests(script, folder, repository, *arguments, before=(), **environment):
    """What a new process in a folder prints, line by line."""
    command = [*before, sys.executable, "-c", PRINT_DIGESTS + script, *map(str, arguments)]
    known = os.environ | {"PYTHONPATH": str(repository)} | environment
    done = subprocess.run(command, env=known, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split() for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def expected(drawn):
    return [hashlib.sha256(png(spec)).hexdigest() for spec in json.loads(drawn.read_text())]


@pytest.mark.slow
def test_pictures_have_the_same_bytes_whatever_fonts_a_machine_has_also_where_the_brought_was_altered_or_deleted(
    drawn, expected, home, tmp_path, repository
):
    (altered := tmp_path / ".rtl/fonts").mkdir(parents=True)
    for name in fonts.FILES:
        (altered / name).write_bytes(fonts._file("DejaVuSerif.ttf").read_bytes())
    of_altered, of_deleted = digests(TWICE, tmp_path, repository, drawn, HOME=str(home))
    assert of_altered[:2] == of_deleted[:2] == expected[:2]
    assert of_altered[2] != expected[2], "the fonts in that home have not been read"
    assert sorted(path.name for path in altered.iterdir()) == sorted(fonts.FILES)


@pytest.mark.slow
def test_pictures_have_the_same_bytes_without_the_fonts_of_the_system(drawn, expected, home, tmp_path, repository):
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    hidden = ("unshare", "--map-root-user", "--mount", "sh", "-c", HIDDEN, str(nothing))
    if shutil.which("unshare") is None or subprocess.run([*hidden, "true"], capture_output=True).returncode:
        pytest.skip("no way here to hide the fonts of this machine")
    without, at_home = digests(IN_EACH_HOME, tmp_path, repository, drawn, nothing, home, before=hidden)
    assert without[:2] == at_home[:2] == expected[:2]
    assert without[2] != at_home[2], "the fonts in that home have not been read"


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
