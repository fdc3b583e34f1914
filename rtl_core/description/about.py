"""All that a ticket file says about itself: how its tickets are used, what they are and how good they were."""

from typing import Annotated, NamedTuple

from pydantic import Field, model_validator

from rtl_core.description.architecture import Architecture
from rtl_core.description.decision import Classes, Decision, OneVsRest
from rtl_core.description.preprocessing import Preprocessing
from rtl_core.description.statement import Statement

Text = Annotated[str, Field(max_length=1000)]
Positive = Annotated[float, Field(gt=0)]


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


class Routing(Statement):
    """What was fitted on validation examples to tell the context where it is unknown (``rtl_core.routing.confidence``):
    a number of each context, in the file's order, and the sharpness of all together.
    """

    temperatures: tuple[Positive, ...]
    slopes: tuple[Annotated[float, Field(ge=0)], ...]
    offsets: tuple[float, ...]
    sharpness: Positive


class Code(Statement):
    """Which code made the tickets: version of the package and, where it was taken, SHA-256 of the source behind it."""

    version: Text
    digest: Text


class About(Statement):
    """What a ticket file says about itself.

    ``contexts`` are those that it serves: one for each of its tickets or, with IMP single, all by the one. ``routing``
    is None where the context is not told from outputs.
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
    routing: Routing | None = None

    @model_validator(mode="after")
    def _routes_all(self) -> "About":
        if (routing := self.routing) is not None:
            if not isinstance(self.decision, OneVsRest | Classes):
                raise ValueError("routing is of outputs that do not say how sure a ticket is")
            if {len(routing.temperatures), len(routing.slopes), len(routing.offsets)} != {len(self.contexts)}:
                raise ValueError(f"routing has other numbers than one of each of {len(self.contexts)} contexts")
        return self
