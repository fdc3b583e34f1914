"""What ``rtl`` makes of a ticket file: the image it holds, or speech without its noise."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtl_core.errors import DataError, SettingsError

if TYPE_CHECKING:
    from rtl_core.tickets import Tickets

MOST_PIXELS = 16_384
"""The longest side of an image that `rtl reconstruct` paints."""


def reconstruct(
    tickets: Annotated[Path, typer.Argument(help="ticket file of an image, RTL's or IMP single's", show_default=False)],
    out: Annotated[Path, typer.Option(help="where to write it; .png, .jpg, .webp and others", show_default=False)],
    size: Annotated[str, typer.Option(help="WxH in pixels [default: as trained]", show_default=False)] = "",
) -> None:
    """Paint the image that a ticket file holds, at any resolution."""
    import io

    from PIL import Image

    from rtl_core.problems.regions.painting import paint
    from tasks.artefacts.whole_file import write_atomically

    wanted = _height_and_width(size) if size else None
    if (suffix := out.suffix.lower()) not in Image.registered_extensions():
        raise DataError(f"{out}: found the suffix {suffix!r}; allowed: that of an image, such as .png")
    pixels = paint(_tickets_in(tickets), str(tickets), wanted)
    buffer = io.BytesIO()
    try:
        Image.fromarray(pixels.numpy()).save(buffer, Image.registered_extensions()[suffix])
    except (KeyError, OSError, ValueError) as problem:
        raise DataError(f"{out}: Pillow cannot write this kind of image ({problem})") from problem
    write_atomically(out, buffer.getvalue())
    typer.echo(f"{out}: {pixels.shape[1]}×{pixels.shape[0]} pixels")


def _height_and_width(size: str) -> tuple[int, int]:
    width, _, height = size.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and 0 < int(width) <= MOST_PIXELS >= int(height) > 0):
        raise SettingsError(f"--size: found {size!r}; allowed: WxH in pixels, up to {MOST_PIXELS} each, as 640x480")
    return int(height), int(width)


def enhance(
    tickets: Annotated[Path, typer.Argument(help="ticket file of speech, of any method", show_default=False)],
    source: Annotated[Path, typer.Argument(metavar="IN", help="recording of speech in noise", show_default=False)],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="where to write it; .wav, .flac, .ogg and others", show_default=False)
    ],
    scene: Annotated[
        str, typer.Option(help="acoustic scene; may be left out where the file holds one network", show_default=False)
    ] = "",
) -> None:
    """Take the noise off the speech in an audio file, of any length, rate and number of channels.

    Rate, channels and length stay; what lies above 8 kHz is lost. IN and OUT may be one file.
    """
    from time import perf_counter

    from rich.console import Console
    from rich.progress import Progress

    from rtl_core.problems.speech.audio_file import BLOCK_SECONDS, facts_of
    from rtl_core.problems.speech.audio_writing import format_of, write_audio
    from rtl_core.problems.speech.enhancement import enhanced, network_for
    from tasks.artefacts.whole_file import whole_file

    network = network_for(_tickets_in(tickets), str(tickets), scene)
    facts = facts_of(source)
    audio_format = format_of(out, facts)
    seconds = facts.frames / facts.rate
    started = perf_counter()
    try:
        with whole_file(out) as unfinished, Progress(console=Console(stderr=True), transient=True) as progress:
            blocks = progress.track(enhanced(network, source), seconds / BLOCK_SECONDS, description="enhancing")
            write_audio(unfinished, audio_format, facts, blocks, str(out))
    except OSError as problem:
        raise DataError(f"{out}: cannot be written ({problem.strerror})") from problem
    channels = "1 channel" if facts.channels == 1 else f"{facts.channels} channels"
    factor = (perf_counter() - started) / seconds
    typer.echo(f"{out}: {seconds:.1f} s at {facts.rate} Hz, {channels}; real-time factor {factor:.3f}")


def _tickets_in(path: Path) -> "Tickets":
    from rtl_core.ticket_file import tickets_from_bytes

    if not path.is_file():
        raise DataError(f"{path}: no such file")
    return tickets_from_bytes(path.read_bytes(), str(path))
