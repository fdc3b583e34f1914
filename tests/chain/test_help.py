"""Help fits the terminal and loses nothing on the way to it."""

import inspect
import re

import pytest
from rich.cells import cell_len
from typer.main import get_command
from typer.testing import CliRunner

from flows.command_line.app import app

COMMANDS = get_command(app).commands


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_help_is_no_wider_than_the_terminal_and_says_every_default(columns, monkeypatch):
    monkeypatch.setenv("TERMINAL_WIDTH", str(columns))
    monkeypatch.setenv("COLUMNS", str(columns))
    told = 0
    for name, command in COMMANDS.items():
        shown = CliRunner().invoke(app, [name, "--help"]).output
        assert max(map(cell_len, shown.splitlines())) <= columns, name
        words = re.sub(r"[\s│]+", " ", shown)
        for parameter in command.params:
            for default in re.findall(r"\[default: [^\]]+\]", inspect.cleandoc(getattr(parameter, "help", "") or "")):
                told += 1
                assert columns < 120 or default in words, (name, default)
    assert told >= 5
