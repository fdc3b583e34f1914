"""What every flow can be told beside its problem: fields of the form in Prefect's page."""

from typing import Annotated

from pydantic import Field

from tasks.settings.changes import Changes as Changes

Runner = Annotated[str, Field(pattern=r"^(threads|dask|(tcp|tls)://\S+:\d+)$")]
AS_WRITTEN = Changes()
"""No changes: the run is as params.yaml says."""
