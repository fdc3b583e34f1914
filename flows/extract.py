"""Stage 2: find the K masks of every seed at every level (Algorithm 1)."""

from functools import partial
from typing import Any

from prefect import flow

from flows.chains import chain_steps, level_ends, start_steps
from flows.runner import runner
from flows.start import start
from flows.steps import Step, run_steps
from tasks import paths
from tasks.collect_masks import collect_masks
from tasks.extract_round import chains_of
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
    how, places = settings.extract, [(seed, level) for seed in settings.seeds for level in settings.sparsities]
    steps: dict[Any, Step] = {**start_steps(job, settings.seeds, "rtl", how.rewind_to)}
    for method in ("rtl", *how.controls):
        chains = chains_of(load_problem(job), method)
        steps |= chain_steps(job, method, settings.seeds, chains, rounds, how.duration, bool(how.rewind_to))
        for seed, sparsity in places:
            ends = tuple((method, seed, chain, level_ends(rounds)[sparsity]) for chain in chains)
            steps[method, seed, sparsity] = Step(partial(_gather, job, method, seed, sparsity), ends)
    found = run_steps(steps, "pruning rounds")
    files = {
        paths.masks(problem, *place, method): found[method, *place]
        for method in ("rtl", *how.controls)
        for place in places
    }
    if how.rewind_to:
        files |= {paths.start(problem, seed): found["start", seed, "rtl"] for seed in settings.seeds}
    publish_files(paths.artifacts(problem) / "masks", files)


def _gather(job: Job, method: str, seed: int, sparsity: float, *ends: Any) -> Any:
    return collect_masks.submit(job, method, seed, sparsity, list(ends))


if __name__ == "__main__":
    start(extract, "extract")
