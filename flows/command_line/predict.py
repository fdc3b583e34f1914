"""What ``rtl`` predicts with a ticket file alone, without its project or data."""

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.command_line.ticket_files import Allowed, enhance_recording, paint_image, tickets_in, write_out
from rtl_core.errors import DataError, SettingsError

if TYPE_CHECKING:
    from rtl_core.use.tickets_in_use import TicketsInUse

WRITTEN = (".csv", ".json")
MOST_ROWS, MOST_NAMED = 20, 3
"""What the terminal shows: rows; and names of columns that it has no room for."""
MOST_LETTERS, LEAST_LETTERS = 40, 12
"""Of an input's name: as many as there is room for."""

TicketFile = Annotated[Path, typer.Argument(help="ticket file, of any method", show_default=False)]
ImageOut = Annotated[Path, typer.Option(help="where to write it; .png, .jpg, .webp and others", show_default=False)]
Size = Annotated[
    str, typer.Option(help="of an image: WxH in pixels, resampled \\[default: as trained]", show_default=False)
]


def predict(
    tickets: TicketFile,
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="INPUT...",
            help="images, tables of numbers (.csv, .npy), or a recording; none where tickets hold an image",
            show_default=False,
        ),
    ] = None,
    context: Annotated[
        str,
        typer.Option(
            help="of all inputs; may be left out where it makes no difference; auto tells it of each",
            show_default=False,
        ),
    ] = "",
    together: Annotated[
        bool, typer.Option("--together", help="with --context auto: all inputs are of one context", show_default=False)
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="file to write: .csv or .json; an image or a recording, as tickets make", show_default=False),
    ] = None,
    rule: Annotated[
        Literal["matched", "paper"] | None,
        typer.Option(
            help="of claims: matched (threshold chosen on validation data) or paper (one half) \\[default: matched, "
            "where the file knows it]",
            show_default=False,
        ),
    ] = None,
    allow: Allowed = None,
    size: Size = "",
) -> None:
    """Predict with a ticket file: classes, quantities, an image or speech without noise, by what the file says."""
    from rtl_core.description.preprocessing import Places, Sound

    used = tickets_in(tickets, allow or [])
    _check_told(used, context, together)
    preprocessing = used.about.preprocessing if used.about else None
    given = inputs or []
    paints, enhances = isinstance(preprocessing, Places) and not given, isinstance(preprocessing, Sound)
    if size and not paints:
        raise SettingsError(f"--size: found {size!r}; allowed: none, where no image is painted")
    if rule and (paints or enhances):
        raise SettingsError(f"--rule: found {rule!r}; allowed: none, as these tickets claim nothing")
    if paints and context:
        raise SettingsError(f"--context: found {context!r}; allowed: none, as all regions paint the image")
    if paints:
        paint_image(used, _named(out, "an image"), size)
    elif enhances:
        if len(given) != 1:
            raise SettingsError(f"INPUT: found {len(given)}; allowed: one recording")
        enhance_recording(used, given[0], _named(out, "a recording"), context or None)
    else:
        _tabulate(used, given, context or None, together, rule, out)


def reconstruct(tickets: TicketFile, out: ImageOut, size: Size = "") -> None:
    """Paint the image that a ticket file holds: `rtl predict` of such a file.

    It knows the size that it was trained at, and no more: another is that one resampled (Lanczos).
    """
    paint_image(tickets_in(tickets), out, size)


def enhance(
    tickets: TicketFile,
    source: Annotated[Path, typer.Argument(metavar="IN", help="recording of speech in noise", show_default=False)],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="where to write it; .wav, .flac, .ogg and others", show_default=False)
    ],
    scene: Annotated[
        str, typer.Option(help="acoustic scene; may be left out where the file holds one network", show_default=False)
    ] = "",
) -> None:
    """Take the noise off the speech in an audio file, of any length, rate and number of channels.

    Rate, channels and length stay, and 24 bits and floats where OUT can have them; what lies above 8 kHz is lost. IN
    and OUT may be one file. It is `rtl predict` of a ticket file of speech.
    """
    enhance_recording(tickets_in(tickets), source, out, scene or None)


def _check_told(tickets: "TicketsInUse", context: str, together: bool) -> None:
    """Refuse, before inputs are read, a context that is to be told where it cannot be."""
    from rtl_core.use.unknown_context import AUTO, confidence_in

    is_auto = tickets.is_to_be_told(context)
    if is_auto:
        confidence_in(tickets.about, tickets.name)
    if together and not is_auto:
        raise SettingsError(f"--together: found with a context that is given; allowed: with --context {AUTO}")


def _named(out: Path | None, what: str) -> Path:
    if out is None:
        raise SettingsError(f"--out: found none; allowed: where to write {what}, which these tickets make")
    return out


def _tabulate(
    tickets: "TicketsInUse",
    inputs: list[Path],
    context: str | None,
    together: bool,
    rule: Literal["matched", "paper"] | None,
    out: Path | None,
) -> None:
    from rich.console import Console

    from rtl_core.problems.images.image_file import first_frames
    from rtl_core.use.files import TABLES, read_inputs
    from rtl_core.use.prediction import POSTERIOR

    if out is not None and out.suffix.lower() not in WRITTEN:
        raise DataError(f"{out}: found the suffix {out.suffix!r}; allowed: {', '.join(WRITTEN)}")
    if not inputs:
        raise SettingsError("INPUT: found none; allowed: one file and more")
    values, names = read_inputs(tickets.usage.preprocessing, inputs)
    for line in first_frames({path: str(path) for path in inputs if path.suffix.lower() not in TABLES}):
        typer.echo(f"warning: {line}", err=True)
    with Console(stderr=True).status("predicting"):
        predicted = tickets.predict(values, context, together=together, rule=rule)
    rows = [{"input": name, **row} for name, row in zip(names, predicted.rows(), strict=True)]
    if out is None:
        _show(rows, 1 + predicted.shown - ("context" not in rows[0]) + (POSTERIOR in rows[0]))
        return
    write_out(out, _written(rows, out.suffix.lower()).encode())
    typer.echo(f"{out}: {len(rows)} predictions")


def _written(rows: list[dict[str, Any]], suffix: str) -> str:
    import csv

    if suffix == ".json":
        return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def _show(rows: list[dict[str, Any]], columns: int) -> None:
    """Print the first rows and columns, a line each, and what is left out."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    def table_of(letters: int) -> Table:
        table = Table(*(Column(escape(name), no_wrap=True) for name in names), box=box.SIMPLE)
        for row in rows[:MOST_ROWS]:
            table.add_row(*(escape(_cell(row[name], letters if name == "input" else sys.maxsize)) for name in names))
        return table

    names, console = list(rows[0])[:columns], Console()
    unbounded = console.options.update(max_width=sys.maxsize)
    for letters in range(MOST_LETTERS, LEAST_LETTERS - 1, -1):
        table = table_of(letters)
        if console.measure(table, options=unbounded).maximum <= console.width:
            break
    console.print(table)
    left_out = [
        *([_counted("row", len(rows) - MOST_ROWS)] if len(rows) > MOST_ROWS else []),
        *([f"{_counted('column', len(more))} ({_first(more)})"] if (more := list(rows[0])[columns:]) else []),
    ]
    if left_out:
        console.print(f"left out: {', '.join(left_out)}; --out FILE.csv or FILE.json writes all", soft_wrap=True)


def _cell(value: Any, letters: int) -> str:
    """A value as the table shows it, of so many letters at most: its last, where the row of an input's name stands."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"…{text[1 - letters :]}" if len(text) > letters else text


def _counted(what: str, count: int) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _first(names: list[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + ", …" * (len(names) > MOST_NAMED)
