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

PRINT_DIGEST = """
import hashlib, json, sys
from tasks.figures.catalogue import png
print(*(hashlib.sha256(png(spec)).hexdigest() for spec in json.load(open(sys.argv[1]))))
"""
DELETED_FIRST = (
    """
import shutil
from tasks.figures import fonts
fonts.bring_font()
shutil.rmtree(fonts._registered())
"""
    + PRINT_DIGEST
)
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


def digests(drawn, repository, *before, cwd=None, script=PRINT_DIGEST, **environment):
    command = [*before, sys.executable, "-c", script, str(drawn)]
    known = os.environ | {"PYTHONPATH": str(repository)} | environment
    done = subprocess.run(command, env=known, cwd=cwd or drawn.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.slow
def test_pictures_have_the_same_bytes_whatever_fonts_a_machine_has(drawn, home, repository):
    figure, text, control = (hashlib.sha256(png(spec)).hexdigest() for spec in json.loads(drawn.read_text()))
    others = digests(drawn, repository, HOME=str(home))
    assert others[:2] == [figure, text]
    assert others[2] != control, "the fonts in that home have not been read"


@pytest.mark.slow
@pytest.mark.parametrize("only_at_home", [False, True])
def test_pictures_have_the_same_bytes_without_the_fonts_of_the_system(only_at_home, drawn, home, tmp_path, repository):
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    hidden = ("unshare", "--map-root-user", "--mount", "sh", "-c", HIDDEN, str(nothing))
    if shutil.which("unshare") is None or subprocess.run([*hidden, "true"], capture_output=True).returncode:
        pytest.skip("no way here to hide the fonts of this machine")
    expected = [hashlib.sha256(png(spec)).hexdigest() for spec in json.loads(drawn.read_text())[:2]]
    assert digests(drawn, repository, *hidden, HOME=str(home if only_at_home else nothing))[:2] == expected


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


@pytest.mark.slow
def test_the_font_is_brought_again_where_it_was_deleted_or_altered(drawn, tmp_path, repository):
    expected = [hashlib.sha256(png(spec)).hexdigest() for spec in json.loads(drawn.read_text())[:2]]
    (empty := tmp_path / "empty").mkdir()
    assert digests(drawn, repository, cwd=empty, script=DELETED_FIRST)[:2] == expected
    (altered := tmp_path / ".rtl/fonts").mkdir(parents=True)
    for name in fonts.FILES:
        (altered / name).write_bytes(fonts._file("DejaVuSerif.ttf").read_bytes())
    assert digests(drawn, repository, cwd=tmp_path)[:2] == expected
    assert sorted(path.name for path in altered.iterdir()) == sorted(fonts.FILES)
