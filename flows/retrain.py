"""Stage 3: retrain the K tickets of every seed and level jointly (Algorithm 2)."""

from functools import partial

from prefect import flow

from flows.runner import runner
from flows.start import start
from flows.steps import Step, for_each, run_steps
from tasks import paths
from tasks.job import Job, jobs_of
from tasks.levels import retrained_places
from tasks.methods import rtl_methods
from tasks.publishing import collect, publish_files
from tasks.retrain_tickets import retrain_tickets
from tasks.settings import ProblemSettings, problem_settings
from tasks.starting_point import published_start


@flow(name="retrain", flow_run_name="retrain {problem}", task_runner=runner())
def retrain(problem: str) -> None:
    """Publish ``artifacts/<problem>/tickets``.

    Args:
        problem: a section of params.yaml.
    """
    settings = problem_settings(problem)
    steps = for_each(jobs_of(problem, settings.for_retraining), partial(retraining_steps, settings=settings))
    tickets = run_steps(steps, "rtl: joint retraining")
    publish_files(
        paths.artifacts(problem) / "tickets",
        {paths.tickets(*place): found for place, found in tickets.items()},
    )


def retraining_steps(job: Job, settings: ProblemSettings) -> dict[tuple[str, int, float], Step]:
    """One joint retraining for each method, seed and level."""
    updates = rtl_methods(settings)
    return {
        (method, seed, sparsity): Step(
            partial(
                retrain_tickets.submit,
                job,
                method,
                updates[method],
                seed,
                sparsity,
                settings.retrain.duration,
                collect(paths.masks(job["name"], seed, sparsity)),
                published_start(job["name"], settings, seed),
            )
        )
        for method, seed, sparsity in retrained_places(job["name"], settings)
    }


if __name__ == "__main__":
    start(retrain, "retrain")
