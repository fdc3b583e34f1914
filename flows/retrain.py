"""Stage 3: retrain the K tickets of every seed and level jointly (Algorithm 2)."""

from functools import partial

from prefect import flow

from flows.checking import check_jobs
from flows.describing import described_files
from flows.parameters import AS_WRITTEN, Changes, Runner
from flows.runner import threads, workers
from flows.steps import Step, for_each, run_steps
from flows.turns import taking_turns
from tasks.artefacts import paths
from tasks.artefacts.publishing import collect
from tasks.jobs.job import Job, name_of
from tasks.jobs.levels import retrained_places
from tasks.jobs.made_with import check_made_with, publish_stage
from tasks.jobs.making import jobs_of
from tasks.jobs.starting_point import published_start
from tasks.jobs.taken_up import record_taken_up
from tasks.jobs.training_times import Training, keep_training_times, seconds_of
from tasks.retrain_tickets import retrain_tickets
from tasks.settings.methods import rtl_methods
from tasks.settings.problem_settings import problem_settings
from tasks.settings.sections import ProblemSettings


@flow(name="retrain", flow_run_name="retrain {problem}", task_runner=threads())
@taking_turns
def retrain(problem: str, changes: Changes = AS_WRITTEN, runner: Runner = "threads") -> None:
    """Publish ``artifacts/<problem>/tickets``.

    Args:
        problem: section of params.yaml: a problem under one of its presets, such as cifar10 or cifar10_quick.
        changes: what this run does otherwise than params.yaml says.
        runner: where steps run: threads; dask, a process a core on this machine; or the address of a Dask
            scheduler, such as tcp://10.0.0.1:8786.
    """
    settings = problem_settings(problem, changes)
    check_made_with(problem, settings, "retrain")
    jobs = jobs_of(problem, settings.for_retraining)
    record_taken_up(problem, "retrain", settings.for_retraining)
    check_jobs(jobs, settings)
    steps = for_each(jobs, partial(retraining_steps, settings=settings))
    with workers(runner):
        made = run_steps(steps, "rtl: joint retraining")
        tickets = described_files(jobs_of(problem, settings), {place: [file] for place, file in made.items()})
    files = {paths.tickets(*place): file for place, (file,) in tickets.items()}
    publish_stage(problem, "retrain", settings, files)
    keep_training_times(
        problem,
        "retrain",
        [
            Training(name.instance, method, seed, sparsity, "training", seconds_of([file]))
            for (name, method, seed, sparsity), file in made.items()
        ],
    )


def retraining_steps(job: Job, settings: ProblemSettings) -> dict[tuple[str, int, float], Step]:
    """One joint retraining for each method, seed and level."""
    name, updates = name_of(job), rtl_methods(settings)
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
                collect(paths.masks(name, seed, sparsity)),
                published_start(name, settings, seed),
            )
        )
        for method, seed, sparsity in retrained_places(name, settings)
    }
