"""How `rtl` writes tickets as an ONNX file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.command_line.ticket_files import Allowed, tickets_in, write_out
from rtl_core.errors import DataError, SettingsError

if TYPE_CHECKING:
    from rtl_core.use.export.onnx_model import Cost, Exported


def export(
    tickets: Annotated[Path, typer.Argument(help="ticket file, of any method", show_default=False)],
    onnx: Annotated[Path, typer.Option(help="file to write, .onnx", show_default=False)],
    context: Annotated[
        str, typer.Option(help="the only one \\[default: all, in one graph that is told which]", show_default=False)
    ] = "",
    half: Annotated[bool, typer.Option("--half", help="weights in float16")] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="weights in 8 bits (dynamic quantisation), of one context")
    ] = False,
    inputs: Annotated[
        list[Path] | None,
        typer.Option(
            help="compare on these too: images or a table, as `rtl predict`; again for more", show_default=False
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="table of the truth about them, a row each (.csv, .npy), for what --half or --int8 cost in score",
            show_default=False,
        ),
    ] = None,
    allow: Allowed = None,
) -> None:
    """Write tickets as an ONNX graph, preprocessing and decision in it, once onnxruntime says the same as torch."""
    from rich.console import Console

    from rtl_core.use.export.libraries import require_libraries
    from rtl_core.use.export.onnx_model import to_onnx
    from rtl_core.use.files import read_inputs, read_table

    if onnx.suffix.lower() != ".onnx":
        raise DataError(f"{onnx}: found the suffix {onnx.suffix!r}; allowed: .onnx")
    if half and int8:
        raise SettingsError("--half and --int8: found both; allowed: one of them")
    require_libraries()
    used = tickets_in(tickets, allow or [])
    values = read_inputs(used.usage.preprocessing, inputs)[0] if inputs else None
    truth = None if labels is None else read_table(labels)
    with Console(stderr=True).status("exporting"):
        smaller = "half" if half else "int8" if int8 else None
        exported = to_onnx(used, context or None, smaller=smaller, inputs=values, labels=truth)  # type: ignore[arg-type]
    write_out(onnx, exported.model)
    typer.echo(f"{onnx}: {_described(exported)}")
    if exported.cost is not None:
        typer.echo(_told(exported.cost, "float16" if half else "int8"))


def _described(exported: "Exported") -> str:
    count = len(exported.contexts)
    contexts = f"context {exported.contexts[0]}" if count == 1 else f"{count} contexts"
    return f"{contexts}, {len(exported.model):,} bytes; float32 differs from torch by up to {exported.difference:.1e}"


def _told(cost: "Cost", weights: str) -> str:
    where = f"{cost.inputs} inputs given" if cost.inputs else "random inputs"
    differs = f"predictions differ by up to {cost.difference:.1e} on {where}"
    told = f"{weights}, in place of {cost.float32_bytes:,} bytes in float32: {differs}"
    if cost.score is None or cost.torch_score is None:
        return f"{told}; no score was measured (--inputs with --labels)"
    (metric, before), (_, after) = cost.torch_score, cost.score
    return f"{told}; {metric} {before:.4f} in torch, {after:.4f} so"
