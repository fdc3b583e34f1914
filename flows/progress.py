"""What the terminal shows while many steps run, and what they return."""

from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

from prefect.futures import PrefectFuture, as_completed
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Key = TypeVar("Key", bound=Hashable)


def results_of(futures: Mapping[Key, PrefectFuture[Any]], what: str) -> dict[Key, Any]:
    """Wait for all steps, showing a bar; their results under the same keys.

    Raises:
        Exception: the first failure that is seen; steps not yet started are given up.
    """
    console = Console()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    with bar:
        line = bar.add_task(what, total=len(futures))
        for done in as_completed(list(futures.values())):
            if not done.state.is_pending():  # a step that waits for a failed one; that one comes too
                done.result()
            bar.advance(line)
            if not console.is_terminal:
                _report_tenths(console, what, int(bar.tasks[0].completed), len(futures))
    return {key: future.result() for key, future in futures.items()}


def _report_tenths(console: Console, what: str, done: int, total: int) -> None:
    if done < total and done * 10 // total > (done - 1) * 10 // total:
        console.print(f"{what} {done}/{total}")
