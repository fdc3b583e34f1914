"""Stage 4: train what RTL is compared with."""

from functools import partial
from typing import Any

from prefect import flow

from flows.chains import chain_steps, gathered, level_ends, mask_times, start_steps
from flows.checking import check_jobs
from flows.describing import described_files
from flows.parameters import AS_WRITTEN, Changes, Runner
from flows.runner import threads, workers
from flows.steps import Step, for_each, run_steps
from flows.turns import taking_turns
from rtl_core.methods import METHODS
from tasks.artefacts import paths
from tasks.artefacts.paths import JobName
from tasks.artefacts.publishing import collect
from tasks.artefacts.store import Reference
from tasks.collect_masks import collect_masks
from tasks.control_masks import control_masks
from tasks.jobs.job import Job, load_problem, name_of, with_one_network
from tasks.jobs.levels import compared_levels
from tasks.jobs.made_with import check_made_with, publish_stage
from tasks.jobs.making import job_of, jobs_of
from tasks.jobs.rounds import planned_rounds
from tasks.jobs.starting_point import published_start
from tasks.jobs.taken_up import record_taken_up
from tasks.jobs.ticket_sets import bare_file
from tasks.jobs.training_times import Training, keep_training_times, seconds_of
from tasks.retrain_tickets import retrain_tickets
from tasks.settings.methods import has_one_network, rtl_methods
from tasks.settings.problem_settings import problem_settings
from tasks.settings.sections import ProblemSettings
from tasks.share_statistics import share_statistics
from tasks.train_networks import train_networks
from tasks.unite_masks import unite_masks

Steps = dict[tuple[Any, ...], Step]


@flow(name="baselines", flow_run_name="baselines {problem}", task_runner=threads())
@taking_turns
def baselines(problem: str, changes: Changes = AS_WRITTEN, runner: Runner = "threads") -> None:
    """Publish ``artifacts/<problem>/baselines``.

    Args:
        problem: section of params.yaml: a problem under one of its presets, such as cifar10 or cifar10_quick.
        changes: what this run does otherwise than params.yaml says.
        runner: where steps run: threads; dask, a process a core on this machine; or the address of a Dask
            scheduler, such as tcp://10.0.0.1:8786.
    """
    settings = problem_settings(problem, changes)
    check_made_with(problem, settings, "baselines")
    jobs = jobs_of(problem, settings)
    record_taken_up(problem, "baselines", settings)
    check_jobs(jobs, settings)
    steps = for_each(jobs, partial(baseline_steps, settings=settings))
    with workers(runner):
        results = run_steps(steps, "baselines: rounds and trainings")
        places = [place for job in jobs for place in baseline_places(name_of(job), settings)]
        files = described_files(jobs, {place: _listed(results[place]) for place in places})
    publish_stage(
        problem,
        "baselines",
        settings,
        {
            paths.baselines(*place) / f"network-{number:03}.safetensors": reference
            for place in places
            for number, reference in enumerate(files[place])
        },
    )
    trained = [
        Training(name.instance, method, seed, sparsity, "training", seconds_of(_listed(results[place])))
        for place in places
        for name, method, seed, sparsity in [place]
    ]
    rounds = {name_of(job): planned_rounds(with_one_network(job), settings) for job in jobs}
    keep_training_times(problem, "baselines", [*trained, *mask_times(jobs, "imp_single", rounds, results)])


def baseline_places(job: JobName, settings: ProblemSettings) -> list[tuple[JobName, str, int, float]]:
    """Job, method, seed and level of all that is published."""
    levels = compared_levels(job, settings)
    return [
        (job, method, seed, sparsity)
        for method in settings.baselines.methods
        for seed in settings.seeds
        for sparsity in levels
    ]


def baseline_steps(job: Job, settings: ProblemSettings) -> Steps:
    """Every baseline of one job at each seed and level, under method, seed and level, and what comes before it."""
    methods, levels = settings.baselines.methods, compared_levels(name_of(job), settings)
    steps: Steps = {}
    if has_one_network(settings) and (late := settings.extract.rewind_to):
        steps |= start_steps(with_one_network(job), settings.seeds, "imp_single", settings.single_model_duration(late))
    if "imp_single" in methods:
        steps |= one_mask_steps(job, settings, levels)
    for method in methods:
        for seed in settings.seeds:
            for sparsity in levels:
                steps |= method_steps(job, settings, method, seed, sparsity)
    return steps


def one_mask_steps(job: Job, settings: ProblemSettings, levels: list[float]) -> Steps:
    """IMP with one model up to its masks, under ``masks``: Algorithm 1 with K = 1, on all data."""
    one = with_one_network(job)
    (chain,) = load_problem(one).subsets
    planned = planned_rounds(one, settings)
    rounds = planned[: level_ends(planned)[max(levels)]]
    duration = settings.single_model_duration(settings.extract.duration)
    start_of = "imp_single" if settings.extract.rewind_to else None
    steps = chain_steps(one, "imp_single", settings.seeds, [chain], rounds, duration, start_of)
    for seed in settings.seeds:
        for sparsity in levels:
            collected = partial(collect_masks.submit, one, "imp_single", seed, sparsity, [chain])
            end = ("imp_single", seed, chain, level_ends(rounds)[sparsity])
            steps["masks", "imp_single", seed, sparsity] = Step(partial(gathered, collected), (end,))
    return steps


def method_steps(job: Job, settings: ProblemSettings, method: str, seed: int, sparsity: float) -> Steps:
    """The training of one baseline and, before it, the masks that are its own."""
    name, kind, place = name_of(job), METHODS[method].kind, (method, seed, sparsity)
    duration, rewound_to = settings.retrain.duration, published_start(name, settings, seed)
    masks = collect(paths.masks(name, seed, sparsity))
    own_masks = ("masks", *place)
    first, update = next(iter(rtl_methods(settings).items()))
    if kind == "K networks":
        return {place: Step(partial(train_networks.submit, job, seed, sparsity, duration, masks, rewound_to))}
    if kind == "ticket control":
        jointly = job_of(name, settings.for_retraining)
        return {place: Step(lambda: share_statistics.submit(jointly, seed, sparsity, _tickets(name, first, place)))}
    if kind == "mask control":
        jointly = job_of(name, settings.for_retraining)
        trained = partial(retrain_tickets.submit, jointly, method, update, seed, sparsity, duration)
        return {
            own_masks: Step(partial(control_masks.submit, jointly, method, seed, sparsity, masks)),
            place: Step(lambda made: trained(made, rewound_to), (own_masks,)),
        }
    length = settings.single_model_duration(duration)
    trained = partial(retrain_tickets.submit, with_one_network(job), method, "sequential", seed, sparsity, length)
    started = [("start", seed, "imp_single")] if settings.extract.rewind_to else []
    united = {own_masks: Step(partial(unite_masks.submit, job, seed, sparsity, masks))}
    return {
        **(united if method == "imp_single_union" else {}),
        place: Step(lambda made, start=None: trained(made, start), (own_masks, *started)),
    }


def _tickets(job: JobName, method: str, place: tuple[str, int, float]) -> Reference:
    return bare_file(paths.tickets(job, method, *place[1:]))


def _listed(result: Any) -> list[Reference]:
    return result if isinstance(result, list) else [result]
