"""What ``rtl bench --inference`` shows: a table of the ways to serve contexts, and how to read it."""

from typing import Any

from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from rtl_core.serving_ways import DENSE, GRAPH, NETWORKS, PREDICT, TICKETS

COLUMNS = ("batch\n1, ms", "×\ndense", "batch\n64, ms", "×\ndense", "switch,\nms", "on\ndisk", "in\nmemory")
LEAST_MS = 0.001
MEMORY = "In memory: tensors that stay from call to call; of onnxruntime, by how much a process grows with its graph."


def show_inference(name: str, measured: dict[str, Any]) -> None:
    """Print what ``inference_benchmark`` measured: a table, what is not in it and why, and what the figures say."""
    console, ways = Console(), measured["ways"]
    count, turns = measured["contexts"], measured["turns"]
    title = f"{name}: {count} context(s), one core, medians of {turns} turns"
    table = Table(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    for way, figures in ways.items():
        batches = [text for one in figures["batches"].values() for text in (_ms(one["ms"]), f"{one['ratio']:.2f}")]
        sizes = (decimal(figures["disk_bytes"]), decimal(figures["memory_bytes"]))
        table.add_row(_title(way, count).replace(", ", ",\n"), *batches, _switching(way, figures), *sizes)
    console.print(table)
    for way, reason in measured["absent"].items():
        console.print(f"Not measured: {way} ({escape(reason)})", soft_wrap=True)
    for sentence in [MEMORY, *reading_of(measured)]:
        console.print(sentence)


def reading_of(measured: dict[str, Any]) -> list[str]:
    """What the figures say of tickets, in sentences."""
    tickets, weights = measured["ways"][TICKETS], measured["weights"]
    zeros = 1 - weights["kept"] / weights["prunable"]
    compared = " and ".join(
        f"{_compared(*one['ratio_quartiles'])} at batch {batch}" for batch, one in tickets["batches"].items()
    )
    sentences = [
        f"Unstructured sparsity does not make dense kernels faster: they multiply by zeros too, which {zeros:.0%} of a "
        f"ticket's prunable weights are. Beside the dense network's, a prediction of a ticket took {compared}, by the "
        "middle half of the turns.",
        _of_bytes(measured),
    ]
    if tickets["switch_ms"] is not None:
        share = tickets["switch_ms"] / tickets["batches"]["64"]["ms"]
        sentences.append(
            f"A change of context, in place and with no new network, took {_ms(tickets['switch_ms'])} ms: "
            f"{share:.2f} of a prediction at batch 64."
        )
    return sentences


def _of_bytes(measured: dict[str, Any]) -> str:
    tickets, dense, networks = (measured["ways"].get(name) for name in (TICKETS, DENSE, NETWORKS))
    count, own = measured["contexts"], tickets["disk_bytes"]
    told = (
        f"Where it counts is bytes: {count} context(s) in {decimal(own)} on disk, "
        f"{_times(own, dense['disk_bytes'])} one dense network"
    )
    if networks is None:
        return f"{told}."
    return (
        f"{told}, {_times(own, networks['disk_bytes'])} {count} of them and "
        f"{_times(own, measured['pruned_networks_bytes'])} {count} files of one ticket each; in memory one weight "
        f"tensor, {count} masks and one network to work with, "
        f"{_times(tickets['memory_bytes'], networks['memory_bytes'])} {count} networks."
    )


def _compared(low: float, high: float) -> str:
    """How long it took beside the dense network, by the middle half of the turns."""
    verdict = "less time" if high < 1 else "more time" if low > 1 else "as long"
    return f"{verdict} ({low:.2f} to {high:.2f} of its time)"


def _times(own: float, other: float) -> str:
    return f"{own / other:.2f} times the bytes of"


def _title(way: str, count: int) -> str:
    return f"{count} networks" if way == NETWORKS and count > 1 else way


def _switching(way: str, figures: dict[str, Any]) -> str:
    if figures["switch_ms"] is not None:
        return _ms(figures["switch_ms"])
    return "each call" if figures["contexts"] > 1 and way in (PREDICT, GRAPH) else "–"


def _ms(ms: float) -> str:
    """Three digits, or the least that is told."""
    if ms < LEAST_MS:
        return f"<{LEAST_MS}"
    return f"{ms:,.0f}" if ms >= 100 else f"{ms:.3g}"
