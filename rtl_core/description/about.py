"""All that a ticket file says about itself: how its tickets are used, what they are and how good they were."""

from typing import Annotated, NamedTuple

from pydantic import Field

from rtl_core.description.architecture import Architecture
from rtl_core.description.decision import Decision
from rtl_core.description.preprocessing import Preprocessing
from rtl_core.description.statement import Statement

Text = Annotated[str, Field(max_length=1000)]


class Usage(NamedTuple):
    """How tickets are used, each part of it None where it is not known."""

    architecture: Architecture | None = None
    preprocessing: Preprocessing | None = None
    decision: Decision | None = None


class Figures(Statement):
    """One metric under one protocol: of each context, in the file's order, and of all; None where undefined."""

    protocol: Text
    metric: Text
    higher_is_better: bool
    contexts: tuple[float | None, ...]
    mean: float | None


class Code(Statement):
    """Which code made the tickets: version of the package and, where it was taken, SHA-256 of the source behind it."""

    version: Text
    digest: Text


class About(Statement):
    """What a ticket file says about itself.

    ``contexts`` are those that it serves: one for each of its tickets or, with IMP single, all by the one.
    """

    architecture: Architecture | None
    preprocessing: Preprocessing | None
    decision: Decision | None
    contexts: Annotated[tuple[str, ...], Field(min_length=1)]
    method: Text
    sparsity: Annotated[float, Field(ge=0, le=1)]
    seed: int
    code: Code
    scores: tuple[Figures, ...]
