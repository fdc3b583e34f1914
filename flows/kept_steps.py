"""Which steps of a flow run were kept: a list on its page, where a kept step leaves no run of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from prefect.artifacts import create_markdown_artifact
from prefect.logging import get_run_logger


class Steps(NamedTuple):
    """Steps that were asked for together, and how many of them need not run."""

    what: str
    kept: int
    total: int


_listed: ContextVar[tuple[list[Steps], ...]] = ContextVar("listed", default=())
"""The lists of the flow runs under way: a stage's own, and that of the pipeline around it."""


def note_kept(what: str, kept: int, total: int) -> None:
    """Remember steps for the page of the flow run under way, and of that which it is a part of."""
    for steps in _listed.get():
        steps.append(Steps(what, kept, total))


@contextmanager
def kept_steps_listed() -> Iterator[None]:
    """Leave a list of what was kept within the block, if anything was, as an artifact of the flow run under way."""
    steps: list[Steps] = []
    token = _listed.set((*_listed.get(), steps))
    try:
        yield
    finally:
        _listed.reset(token)
    if any(one.kept for one in steps):
        kept, total = sum(one.kept for one in steps), sum(one.total for one in steps)
        first = "Everything was kept: no step had to run." if kept == total else f"{kept} of {total} steps were kept."
        get_run_logger().info(first)
        create_markdown_artifact(_told(first, steps), "kept-steps", "Steps whose results were kept: they began no run")


def _told(first: str, steps: list[Steps]) -> str:
    rows = [f"| {one.what} | {one.kept} | {one.total - one.kept} |" for one in steps]
    return "\n".join([first, "", "| steps | kept | run |", "|---|--:|--:|", *rows])
