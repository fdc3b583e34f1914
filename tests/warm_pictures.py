"""Pictures of ``rtl run`` are drawn by one process: V8 would compile Vega-Lite anew in each command."""

import json
import os
import select
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import vl_convert

FONTS = "*.ttf"
LENGTH = 8
"""Bytes that say how long what follows is."""


def draw_until_it_ends(address: str, owner: int) -> None:
    """Serve in a process of its own until another has ended."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    if os.fork():
        listener.close()
        return
    ended, fonts_here = os.pidfd_open(owner), Path(address).with_name("fonts")
    while ended not in select.select([listener, ended], [], [])[0]:
        connection, _ = listener.accept()
        with connection, suppress(OSError, EOFError):  # of a command that was killed
            connection.settimeout(60)
            with connection.makefile("rb") as sent:
                name, given, fonts = json.loads(_received(sent))
            try:
                _bring(Path(fonts), fonts_here)
                drawn, status = getattr(vl_convert, name)(**given), b"0"
            except Exception as problem:
                drawn, status = str(problem), b"1"
            answer = drawn if isinstance(drawn, bytes) else drawn.encode()
            connection.sendall((1 + len(answer)).to_bytes(LENGTH, "big") + status + answer)
    os._exit(0)


def drawn_there(address: str) -> None:
    """Have this process draw by that one."""
    fonts = ""

    def register(folder: str) -> None:
        nonlocal fonts
        fonts = folder

    def asked(name: str, **given: Any) -> bytes:
        request = json.dumps([name, given, fonts]).encode()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(address)
            connection.sendall(len(request).to_bytes(LENGTH, "big") + request)
            with connection.makefile("rb") as sent:
                answer = _received(sent)
        if answer[:1] != b"0":
            raise ValueError(answer[1:].decode())
        return answer[1:]

    vl_convert.register_font_directory = register
    vl_convert.vegalite_to_svg = lambda spec, **options: asked("vegalite_to_svg", vl_spec=spec, **options).decode()
    vl_convert.svg_to_png = lambda svg, **options: asked("svg_to_png", svg=svg, **options)


def _bring(fonts: Path, fonts_here: Path) -> None:
    """Register the fonts of the first command, and see to it that those of the others are the same.

    Raises:
        ValueError: a command has none, or others.
    """
    brought = {path.name: path.read_bytes() for path in fonts.glob(FONTS)} if fonts.is_absolute() else {}
    if brought and not fonts_here.exists():
        fonts_here.mkdir()
        for name, content in brought.items():
            (fonts_here / name).write_bytes(content)
        vl_convert.register_font_directory(str(fonts_here))
    if not brought or brought != {path.name: path.read_bytes() for path in fonts_here.glob(FONTS)}:
        raise ValueError(f"{fonts}: found {sorted(brought)}; allowed: the fonts of all other commands")


def _received(sent: BinaryIO) -> bytes:
    length = int.from_bytes(sent.read(LENGTH), "big")
    received = sent.read(length)
    if not length or len(received) < length:
        raise EOFError("who draws, or asks for a picture, has ended")
    return received
