"""Stage 3: retrain the K tickets of every seed and level jointly (Algorithm 2)."""

from functools import partial

from prefect import flow

from flows.runner import runner
from flows.start import start
from flows.steps import Step, run_steps
from tasks import paths
from tasks.job import job_of
from tasks.levels import retrained_places
from tasks.methods import rtl_methods
from tasks.publishing import collect, publish_files
from tasks.retrain_tickets import retrain_tickets
from tasks.settings import problem_settings
from tasks.starting_point import published_start


@flow(name="retrain", flow_run_name="retrain {problem}", task_runner=runner())
def retrain(problem: str) -> None:
    """Publish ``artifacts/<problem>/tickets``.

    Args:
        problem: a section of params.yaml.
    """
    settings = problem_settings(problem)
    job, updates = job_of(problem, settings.for_retraining), rtl_methods(settings)
    steps = {
        (method, seed, sparsity): Step(
            partial(
                retrain_tickets.submit,
                job,
                method,
                updates[method],
                seed,
                sparsity,
                settings.retrain.duration,
                collect(paths.masks(problem, seed, sparsity)),
                published_start(problem, settings, seed),
            )
        )
        for method, seed, sparsity in retrained_places(problem, settings)
    }
    tickets = run_steps(steps, "rtl: joint retraining")
    publish_files(
        paths.artifacts(problem) / "tickets",
        {paths.tickets(problem, *place): found for place, found in tickets.items()},
    )


if __name__ == "__main__":
    start(retrain, "retrain")
