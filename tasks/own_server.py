"""Whether the Prefect server that a user named answers."""

from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings

from rtl_core.errors import RtlError


def require_own_server() -> None:
    """Return where it answers.

    Raises:
        RtlError: it does not.
    """
    with get_client(sync_client=True) as client:
        if problem := client.api_healthcheck():
            why = " ".join(str(problem).split())
            raise RtlError(
                f"{get_current_settings().api.url}: no Prefect server answers ({why}); start one (make ui), or for a "
                "run without it unset PREFECT_API_URL"
            )
