"""The image that a ticket file holds, and speech without its noise: how each becomes a file, whole or not at all."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtl_core.errors import DataError, SettingsError

if TYPE_CHECKING:
    from rtl_core.use.tickets_in_use import TicketsInUse

Allowed = Annotated[
    list[str] | None,
    typer.Option(help="import path of a network that you trust, as mine:MyNet; again for more", show_default=False),
]
MOST_PIXELS = 16_384
"""The longest side of an image that is painted."""


def tickets_in(path: Path, allow: Sequence[str] = ()) -> "TicketsInUse":
    """The tickets of a file.

    Raises:
        DataError: there is no such file.
        TicketFileError: it is unsound, or its network is not allowed.
    """
    from rtl_core.saving import load

    if not path.is_file():
        raise DataError(f"{path}: no such file")
    if allow:
        import tasks  # noqa: F401  # from then on modules of the current folder are found
    return load(path, allow)


def write_out(out: Path, content: bytes) -> None:
    """Write a file, whole or not at all.

    Raises:
        DataError: it cannot be written.
    """
    from tasks.artefacts.whole_file import write_atomically

    try:
        write_atomically(out, content)
    except OSError as problem:
        raise DataError(f"{out}: cannot be written ({problem.strerror})") from problem


def paint_image(tickets: "TicketsInUse", out: Path, size: str) -> None:
    """Write the image that tickets hold, whole or not at all.

    Args:
        tickets: of an image.
        out: where to write it.
        size: WxH in pixels; empty, as trained.

    Raises:
        SettingsError: the size is none.
        DataError: the suffix is none of an image, or no such image can be written.
        TicketFileError: the tickets paint none.
    """
    import io

    from PIL import Image
    from rich.console import Console

    from rtl_core.use.painting import painted

    wanted = _height_and_width(size) if size else None
    if (suffix := out.suffix.lower()) not in Image.registered_extensions():
        raise DataError(f"{out}: found the suffix {suffix!r}; allowed: that of an image, such as .png")
    with Console(stderr=True).status("painting"):
        pixels = painted(tickets, wanted)
    buffer = io.BytesIO()
    try:
        Image.fromarray(pixels.numpy()).save(buffer, Image.registered_extensions()[suffix])
    except (KeyError, OSError, ValueError) as problem:
        raise DataError(f"{out}: Pillow cannot write this kind of image ({problem})") from problem
    write_out(out, buffer.getvalue())
    trained = tickets.statistics[0]["regions"].shape
    how = f", resampled from the {trained[1]}×{trained[0]} as trained" if pixels.shape[:2] != trained else ""
    typer.echo(f"{out}: {pixels.shape[1]}×{pixels.shape[0]} pixels{how}")


def enhance_recording(tickets: "TicketsInUse", source: Path, out: Path, context: str | None) -> None:
    """Write a recording without its noise, whole or not at all, and print how fast that was.

    Samples are as in the recording, where the file's format has that. What is too loud for the format is made again,
    quieter, so that nothing is cut off.

    Raises:
        TicketFileError: the tickets enhance no speech.
        SettingsError: there is no such context.
        DataError: a file cannot be read or written.
    """
    from time import perf_counter

    from rich.console import Console
    from rich.progress import Progress

    from rtl_core.problems.speech.audio_file import BLOCK_SECONDS, facts_of
    from rtl_core.problems.speech.audio_writing import format_of, write_audio
    from rtl_core.problems.speech.enhancement import enhanced
    from rtl_core.use.speech import speech_network
    from tasks.artefacts.whole_file import whole_file

    network = speech_network(tickets, context)
    facts = facts_of(source)
    audio_format = format_of(out, facts)
    seconds, scale = facts.frames / facts.rate, 1.0
    started = perf_counter()
    try:
        with whole_file(out) as unfinished, Progress(console=Console(stderr=True), transient=True) as progress:

            def write(what: str) -> float:
                blocks = (scale * block for block in enhanced(network, source))
                told = progress.track(blocks, seconds / BLOCK_SECONDS, description=what)
                return write_audio(unfinished, audio_format, facts, told, str(out))

            if not audio_format.holds(peak := write("enhancing")):
                scale = 1 / peak
                write("enhancing again, quieter")
    except OSError as problem:
        raise DataError(f"{out}: cannot be written ({problem.strerror})") from problem
    channels = "1 channel" if facts.channels == 1 else f"{facts.channels} channels"
    factor = (perf_counter() - started) / seconds
    quieter = f"; scaled by {scale:.3g}, as its peak was {peak:.3g} and such samples end at 1" if scale < 1 else ""
    typer.echo(
        f"{out}: {seconds:.1f} s at {facts.rate} Hz, {channels}, {audio_format.words}; "
        f"real-time factor {factor:.3f}{quieter}"
    )


def _height_and_width(size: str) -> tuple[int, int]:
    width, _, height = size.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and 0 < int(width) <= MOST_PIXELS >= int(height) > 0):
        raise SettingsError(f"--size: found {size!r}; allowed: WxH in pixels, up to {MOST_PIXELS} each, as 640x480")
    return int(height), int(width)
