"""What a network's output means, and what is decided by it."""

from math import prod
from typing import Annotated, Literal

from pydantic import Field, model_validator

from rtl_core.description.statement import Statement

Index = Annotated[int, Field(ge=0, lt=1 << 20)]
Share = Annotated[float, Field(ge=0, le=1)]


class OneVsRest(Statement):
    """Ticket k reads output ``outputs[k]``; its sigmoid is the probability that an example is of context k.

    By the paper's rule one is claimed above one half; by the matched rule from the context's threshold on, which is
    that of best balanced accuracy on validation data.
    """

    kind: Literal["one against the rest"] = "one against the rest"
    outputs: dict[str, Index]
    thresholds: dict[str, Share]


class Classes(Statement):
    """The class of the largest output; probabilities are a softmax.

    ``among`` are the classes that count in each context, by number; where it is empty all do.
    """

    kind: Literal["classes"] = "classes"
    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    among: dict[str, Annotated[tuple[Index, ...], Field(min_length=1)]]

    @model_validator(mode="after")
    def _known(self) -> "Classes":
        if any(number >= len(self.classes) for numbers in self.among.values() for number in numbers):
            raise ValueError("a context has a class that has no name")
        return self


class Quantities(Statement):
    """The outputs themselves, ``[N, *shape]``; ``names`` of each, with units, where they are known."""

    kind: Literal["quantities"] = "quantities"
    names: tuple[str, ...]
    shape: Annotated[tuple[Annotated[int, Field(ge=1, le=1 << 30)], ...], Field(max_length=8)]

    @model_validator(mode="after")
    def _all_named(self) -> "Quantities":
        if self.names and len(self.names) != prod(self.shape):
            raise ValueError("a quantity has no name, or a name no quantity")
        return self


class Colours(Statement):
    """Red, green and blue at each place, float [N, 3], 0 to 1: together they paint an image."""

    kind: Literal["colours"] = "colours"


class Speech(Statement):
    """The signals without their noise, float [N, L]."""

    kind: Literal["speech"] = "speech"


Decision = Annotated[OneVsRest | Classes | Quantities | Colours | Speech, Field(discriminator="kind")]
