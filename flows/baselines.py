"""Stage 4: train what RTL is compared with."""

from functools import partial
from typing import Any

from prefect import flow

from flows.chains import chain_steps, level_ends, start_steps
from flows.checking import check_jobs
from flows.parameters import AS_WRITTEN, Changes, Runner
from flows.runner import threads, workers
from flows.start import start
from flows.steps import Step, for_each, run_steps
from tasks.artefacts import paths
from tasks.artefacts.publishing import collect, publish_files
from tasks.jobs.job import Job, job_of, jobs_of, load_problem
from tasks.jobs.levels import compared_levels
from tasks.jobs.rounds import planned_rounds
from tasks.jobs.starting_point import published_start
from tasks.retrain_tickets import retrain_tickets, share_statistics
from tasks.settings.methods import MASK_CONTROLS, SINGLE_METHODS, rtl_methods
from tasks.settings.problem_settings import problem_settings
from tasks.settings.sections import ProblemSettings
from tasks.train_baseline import train_multiple, train_single, train_single_union


@flow(name="baselines", flow_run_name="baselines {problem}", task_runner=threads())
def baselines(problem: str, changes: Changes = AS_WRITTEN, runner: Runner = "threads") -> None:
    """Publish ``artifacts/<problem>/baselines``.

    Args:
        problem: section of params.yaml: a problem under one of its presets, such as cifar10 or cifar10_quick.
        changes: what this run does otherwise than params.yaml says.
        runner: where steps run: threads; dask, a process a core on this machine; or the address of a Dask
            scheduler, such as tcp://10.0.0.1:8786.
    """
    settings = problem_settings(problem, changes)
    jobs = jobs_of(problem, settings)
    check_jobs(jobs, settings)
    steps = for_each(jobs, partial(baseline_steps, settings=settings))
    with workers(runner):
        found = run_steps(steps, "baselines: rounds and trainings")
    publish_files(
        paths.artifacts(problem) / "baselines",
        {
            paths.baselines(*place) / f"network-{number:03}.safetensors": reference
            for job in jobs
            for place in baseline_places(job["name"], settings)
            for number, reference in enumerate(_listed(found[place]))
        },
    )


def baseline_places(job: str, settings: ProblemSettings) -> list[tuple[str, str, int, float]]:
    """Name of the job, method, seed and level of all that is published."""
    levels = compared_levels(job, settings)
    return [
        (job, method, seed, sparsity)
        for method in settings.baselines.methods
        for seed in settings.seeds
        for sparsity in levels
    ]


def baseline_steps(job: Job, settings: ProblemSettings) -> dict[tuple[Any, ...], Step]:
    """Every baseline of one job at each seed and level, and the chains of IMP single before its own."""
    methods, late = settings.baselines.methods, settings.extract.rewind_to
    levels = compared_levels(job["name"], settings)
    steps: dict[tuple[Any, ...], Step] = {}
    if late and any(method in SINGLE_METHODS for method in methods):
        steps |= start_steps(job, settings.seeds, "imp_single", settings.single_model_duration(late))
    if "imp_single" in methods:
        steps |= single_model(job, settings, levels)
    for seed in settings.seeds:
        for sparsity in levels:
            known = from_masks(job, settings, seed, sparsity)
            steps |= {(method, seed, sparsity): known[method] for method in methods if method in known}
    return steps


def from_masks(job: Job, settings: ProblemSettings, seed: int, sparsity: float) -> dict[str, Step]:
    """The methods that start from what RTL published for one seed and level."""
    name, duration = job["name"], settings.retrain.duration
    masks, rewound_to = collect(paths.masks(name, seed, sparsity)), published_start(name, settings, seed)
    single_start = (("start", seed, "imp_single"),) if settings.extract.rewind_to else ()
    single_duration = settings.single_model_duration(duration)
    jointly = job_of(name, settings.for_retraining)
    first_method, first_update = next(iter(rtl_methods(settings).items()))
    tickets = paths.tickets(name, first_method, seed, sparsity)
    retrained = partial(
        retrain_tickets.submit, jointly, update=first_update, seed=seed, sparsity=sparsity, duration=duration,
        masks=masks, start=rewound_to,
    )  # fmt: skip
    return {
        "imp_single_union": Step(
            partial(train_single_union.submit, job, seed, sparsity, single_duration, masks), single_start
        ),
        "imp_multiple": Step(partial(train_multiple.submit, job, seed, sparsity, duration, masks, rewound_to)),
        "shared_statistics": Step(lambda: share_statistics.submit(jointly, seed, sparsity, collect(tickets))),
        **{method: Step(partial(retrained, method=method)) for method in MASK_CONTROLS},
    }


def single_model(job: Job, settings: ProblemSettings, levels: list[float]) -> dict[Any, Step]:
    """IMP with one model: its own chain of pruning rounds on all data, then one training per level."""
    subset = load_problem(job).single_objective.name
    planned = planned_rounds(job, settings, single=True)
    rounds = planned[: level_ends(planned)[max(levels)]]
    pruning = settings.single_model_duration(settings.extract.duration)
    training = settings.single_model_duration(settings.retrain.duration)
    late = bool(settings.extract.rewind_to)
    steps: dict[Any, Step] = {**chain_steps(job, "imp_single", settings.seeds, [subset], rounds, pruning, late)}
    for seed in settings.seeds:
        for sparsity in levels:
            end = ("imp_single", seed, subset, level_ends(rounds)[sparsity])
            after = (end, ("start", seed, "imp_single")) if late else (end,)
            steps["imp_single", seed, sparsity] = Step(
                partial(train_single.submit, job, seed, sparsity, training), after
            )
    return steps


def _listed(found: Any) -> list[dict[str, str]]:
    return found if isinstance(found, list) else [found]


if __name__ == "__main__":
    start(baselines, "baselines")
