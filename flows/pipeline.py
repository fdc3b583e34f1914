"""The whole chain, stage after stage."""

from prefect import flow

from flows.baselines import baselines
from flows.compare import compare
from flows.extract import extract
from flows.partition import partition
from flows.retrain import retrain
from flows.start import start


@flow(name="pipeline", flow_run_name="pipeline {problem}")
def pipeline(problem: str) -> None:
    """Partition, extract, retrain, train the baselines and compare.

    Args:
        problem: a section of params.yaml.
    """
    partition(problem)
    extract(problem)
    retrain(problem)
    baselines(problem)
    compare(problem)


if __name__ == "__main__":
    start(pipeline, "pipeline")
