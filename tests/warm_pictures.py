"""Pictures of forked commands are drawn by one process: in each, V8 would compile Vega-Lite anew before the first."""

import json
import os
import select
import shutil
import socket
import sys
from pathlib import Path
from typing import Any, BinaryIO

import vl_convert

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
    with Path(address).with_name("pictures.log").open("w+b", buffering=0) as told:
        os.dup2(told.fileno(), 2)  # V8 keeps it for itself
        while ended not in select.select([listener, ended], [], [])[0]:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as sent:
                name, given, fonts = json.loads(_received(sent))
                if fonts and not fonts_here.exists():  # the same files in every project, which may be deleted there
                    vl_convert.register_font_directory(str(shutil.copytree(fonts, fonts_here)))
                try:
                    drawn, status = getattr(vl_convert, name)(**given), b"0"
                except ValueError as problem:
                    drawn, status = str(problem), b"1"
                _send(connection, told.read())
                _send(connection, status + (drawn if isinstance(drawn, bytes) else drawn.encode()))
    os._exit(0)


def drawn_there(address: str) -> None:
    """Have this process draw by that one."""
    fonts = ""

    def register(folder: str) -> None:
        nonlocal fonts
        fonts = folder

    def asked(name: str, **given: Any) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rb") as sent:
            connection.connect(address)
            _send(connection, json.dumps([name, given, fonts]).encode())
            sys.stderr.write(_received(sent).decode())
            answer = _received(sent)
        if answer[:1] == b"1":
            raise ValueError(answer[1:].decode())
        return answer[1:]

    vl_convert.register_font_directory = register
    vl_convert.vegalite_to_svg = lambda spec, **options: asked("vegalite_to_svg", vl_spec=spec, **options).decode()
    vl_convert.svg_to_png = lambda svg, **options: asked("svg_to_png", svg=svg, **options)


def _send(connection: socket.socket, data: bytes) -> None:
    connection.sendall(len(data).to_bytes(LENGTH, "big") + data)


def _received(sent: BinaryIO) -> bytes:
    return sent.read(int.from_bytes(sent.read(LENGTH), "big"))
