"""Stage 2: find the K masks of every seed at every level (Algorithm 1)."""

from functools import partial
from typing import Any

from prefect import flow

from flows.chains import chain_steps, level_ends
from flows.runner import runner
from flows.start import start
from flows.steps import Step, run_steps
from tasks import paths
from tasks.collect_masks import collect_masks
from tasks.job import Job, job_of, load_problem
from tasks.planning import planned_rounds
from tasks.publishing import publish_files
from tasks.settings import problem_settings


@flow(name="extract", flow_run_name="extract {problem}", task_runner=runner())
def extract(problem: str) -> None:
    """Publish ``artifacts/<problem>/masks``.

    Args:
        problem: a section of params.yaml.
    """
    settings = problem_settings(problem)
    job = job_of(problem, settings)
    rounds = planned_rounds(job, settings)
    subsets = load_problem(job).subsets
    steps: dict[Any, Step] = {}
    steps |= chain_steps(job, "rtl", settings.seeds, subsets, rounds, settings.extract.duration)
    places = [(seed, sparsity) for seed in settings.seeds for sparsity in settings.sparsities]
    for seed, sparsity in places:
        ends = tuple(("rtl", seed, subset, level_ends(rounds)[sparsity]) for subset in subsets)
        steps[seed, sparsity] = Step(partial(_gather, job, seed, sparsity), ends)
    found = run_steps(steps, "rtl: pruning rounds")
    publish_files(
        paths.artifacts(problem) / "masks",
        {paths.masks(problem, *place): found[place] for place in places},
    )


def _gather(job: Job, seed: int, sparsity: float, *ends: Any) -> Any:
    return collect_masks.submit(job, seed, sparsity, list(ends))


if __name__ == "__main__":
    start(extract, "extract")
