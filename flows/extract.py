"""Stage 2: find the K masks of every seed at every level (Algorithm 1)."""

from prefect import flow

from flows.chains import run_chains
from flows.progress import results_of
from flows.runner import runner
from flows.start import start
from tasks import paths
from tasks.collect_masks import collect_masks
from tasks.job import job_of, load_problem
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
    chains = run_chains(job, "rtl", settings.seeds, subsets, rounds, settings.extract.duration)
    masks = {place: collect_masks.submit(job, *place, ends) for place, ends in chains.items()}
    publish_files(
        paths.artifacts(problem) / "masks",
        {paths.masks(problem, *place): found for place, found in results_of(masks, "masks").items()},
    )


if __name__ == "__main__":
    start(extract, "extract")
