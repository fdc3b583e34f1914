"""How runs start from Prefect's page: one process that offers the pipeline and each stage, and runs what is due."""

from pathlib import Path
from typing import Any

from prefect import Flow, serve
from prefect.client.orchestration import get_client
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.baselines import baselines
from flows.compare import compare
from flows.extract import extract
from flows.partition import partition
from flows.pipeline import pipeline
from flows.retrain import retrain
from rtl_core.errors import RtlError
from tasks.caching.cached_task import TRAINING
from tasks.caching.records import declare_records
from tasks.process.cores import cores
from tasks.server.abandoned import close_abandoned
from tasks.server.run_session import require_own_server
from tasks.sources.project_modules import PLACE_OF_OURS

NIGHTLY = "0 2 * * *"
STAGES: tuple[Flow[..., None], ...] = (partition, extract, retrain, baselines, compare)


def require_visible_flows() -> None:
    """Return where a run that Prefect starts will import the flows: it looks for them in the current folder first.

    Raises:
        RtlError: there they are others.
    """
    here = Path.cwd()
    for name in ("flows", "tasks"):
        hiding = [path for path in (here / name, here / f"{name}.py") if path.exists()]
        if hiding and str(here) != PLACE_OF_OURS:
            raise RtlError(
                f"{hiding[0].name}: hides a package of rtl's in runs that Prefect starts, though not from `rtl run`; "
                "rename it to serve"
            )


def serve_flows(problem: str) -> None:
    """Offer the flows, with a problem as the form's default, until Ctrl-C; the nightly schedule is paused at first.

    What killed processes of this project left open is closed before.

    At most as many training steps run at once on the server's runs as this process has cores: a second run queues its
    own behind them.

    Raises:
        RtlError: no server answers.
    """
    require_own_server()
    close_abandoned()
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(f"tag:{TRAINING}", cores())
    declare_records()
    serve(*deployments(problem))


def deployments(problem: str) -> list[RunnerDeployment]:
    """The pipeline, when it is asked for or by night, and each stage alone; their tags tell which is which."""
    schedule = Cron(NIGHTLY, active=False)
    whole = _deployment(pipeline, "all-stages", problem, tags=["all stages"], schedules=[schedule])
    return [
        whole,
        *(
            _deployment(stage, "stage", problem, tags=["one stage", f"stage {number} of {len(STAGES)}"])
            for number, stage in enumerate(STAGES, 1)
        ),
    ]


def _deployment(flow: Flow[..., None], name: str, problem: str, **options: Any) -> RunnerDeployment:
    made = flow.to_deployment(
        name,
        parameters={"problem": problem},
        entrypoint_type=EntrypointType.MODULE_PATH,
        enforce_parameter_schema=True,
        **options,
    )
    assert isinstance(made, RunnerDeployment), "outside an event loop it is no coroutine"
    return made
