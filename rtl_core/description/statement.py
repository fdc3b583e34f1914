"""How what a file says is checked: every key is known, nothing is converted, every number is finite."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError


class Statement(BaseModel):
    """A part of what a ticket file says about itself."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Kind = TypeVar("Kind", bound=Statement)


def stated(kind: type[Kind], **fields: Any) -> Kind | None:
    """A statement; None where its fields hold what no file can, such as arguments that are not JSON."""
    try:
        return kind(**fields)
    except ValidationError:
        return None
