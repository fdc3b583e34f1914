"""What every flow can be told beside its problem: fields of the form in Prefect's page."""

from contextlib import suppress
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from rtl_core.errors import RtlError
from tasks.settings.changes import Changes as Changes
from tasks.settings.params_file import read_params, sections


class _OfferedSections:
    """Makes the field of a form a list of the sections that params.yaml has when the flow is offered."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, make: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = make(core)
        with suppress(RtlError):  # what is wrong with the file is told where it is used
            schema["enum"] = sections(read_params())
        return schema


Section = Annotated[str, _OfferedSections()]
Runner = Annotated[str, Field(pattern=r"^(threads|dask|(tcp|tls)://\S+:\d+)$")]
AS_WRITTEN = Changes()
"""No changes: the run is as params.yaml says."""
