"""The whole chain, stage after stage."""

from prefect import flow

from flows.answer import show_answer
from flows.baselines import baselines
from flows.compare import compare
from flows.extract import extract
from flows.parameters import AS_WRITTEN, Changes, Runner, Section
from flows.partition import partition
from flows.retrain import retrain
from flows.turns import taking_turns
from tasks.tracking.reachable import require_tracking


@flow(name="pipeline", flow_run_name="pipeline {problem}")
@taking_turns
def pipeline(problem: Section, changes: Changes = AS_WRITTEN, runner: Runner = "threads") -> None:
    """Partition, extract, retrain, train the baselines and compare.

    Args:
        problem: section of params.yaml: a problem under one of its presets, such as cifar10 or cifar10_quick.
        changes: what this run does otherwise than params.yaml says.
        runner: where steps run: threads; dask, a process a core on this machine; or the address of a Dask
            scheduler, such as tcp://10.0.0.1:8786.

    Raises:
        RtlError: a stage cannot begin, or MLflow takes nothing.
    """
    require_tracking()
    partition(problem, changes)
    extract(problem, changes, runner)
    retrain(problem, changes, runner)
    baselines(problem, changes, runner)
    compare(problem, changes, runner)
    show_answer(problem)
