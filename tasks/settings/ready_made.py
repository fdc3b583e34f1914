"""Which class stands for a problem that a module holds ready made, so that the pipeline can build it anew."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from rtl_core.context_problem import ContextProblem
from rtl_core.errors import DataError
from rtl_core.problem import Problem
from tasks.sources.opened_files import opened_files
from tasks.sources.problem_files import inputs_read_by

DIGEST = "digest.txt"
"""What ``partition`` writes: the module holds the data, and where these change, everything is trained anew."""


@cache
def ready_made(held: ContextProblem | Callable[[], Any], module: str) -> type[Problem] | None:
    """The class of what a module holds: a ``ContextProblem``, or a function that makes one; None of anything else.

    What was read while the module was imported, or the function ran, is what the class's data are made of.
    """
    with opened_files() as opened:
        problem = held if isinstance(held, ContextProblem) else held()
    if not isinstance(problem, ContextProblem):
        return None
    return _class_of(problem, module, inputs_read_by(module, opened.here))


def _class_of(problem: ContextProblem, module: str, read: list[Path]) -> type[Problem]:
    class ReadyMade(ContextProblem):
        @classmethod
        def partition(
            cls, folder: Path, *, data: Annotated[str, Field(description="digest of the data")] = problem.digest
        ) -> None:
            (folder / DIGEST).write_text(data)

        @classmethod
        def source_files(cls, **settings: Any) -> list[Path]:
            return read

        @classmethod
        def training_files(cls, **settings: Any) -> list[Path]:
            return read

        def __init__(self, folder: Path) -> None:
            if (folder / DIGEST).read_text() != problem.digest:
                raise DataError(
                    f"{module}: its data are others than those partitioned; run the partition stage again (what is "
                    "drawn at random is to be drawn from a generator with a seed)"
                )
            vars(self).update(vars(problem))

    return ReadyMade
