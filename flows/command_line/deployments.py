"""How runs start from Prefect's page: one process that offers the pipeline and each stage, and runs what is due."""

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
from tasks.caching.cached_task import TRAINING
from tasks.caching.records import declare_records
from tasks.process.cores import cores
from tasks.server.run_session import require_own_server

NIGHTLY = "0 2 * * *"
STAGES: tuple[Flow[..., None], ...] = (partition, extract, retrain, baselines, compare)


def serve_flows(problem: str) -> None:
    """Offer the flows, with a problem as the form's default, until Ctrl-C; the nightly schedule is paused at first.

    At most as many training steps run at once on the server's runs as this process has cores: a second run queues its
    own behind them.

    Raises:
        RtlError: no server answers.
    """
    require_own_server()
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(f"tag:{TRAINING}", cores())
    declare_records()
    serve(*deployments(problem))


def deployments(problem: str) -> list[RunnerDeployment]:
    """The pipeline, by night or when it is asked for, and each stage alone."""
    schedule = Cron(NIGHTLY, active=False)
    whole = _deployment(pipeline, "nightly", problem, schedules=[schedule])
    return [whole, *(_deployment(stage, "stage", problem) for stage in STAGES)]


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
