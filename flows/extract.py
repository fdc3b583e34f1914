"""Stage 2: find the K masks of every seed after every round (Algorithm 1), and watch their similarity."""

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from prefect import flow

from flows.chains import chain_steps, gathered, mask_times, start_steps
from flows.checking import check_jobs
from flows.collapse_watch import CollapseWatch
from flows.parameters import AS_WRITTEN, Changes, Runner, Section
from flows.runner import threads, workers
from flows.steps import Step, for_each, results_of, run_steps
from flows.turns import taking_turns
from rtl_core.chain_objectives import chains_of
from tasks.artefacts import paths
from tasks.artefacts.digests import digest_of
from tasks.artefacts.paths import JobName
from tasks.artefacts.store import STORE, Reference
from tasks.collect_masks import collect_masks, masks_after_epoch
from tasks.jobs.job import Job, load_problem, name_of
from tasks.jobs.made_with import check_made_with, publish_stage
from tasks.jobs.making import jobs_of
from tasks.jobs.rounds import Rounds, planned_rounds, reached
from tasks.jobs.taken_up import record_taken_up
from tasks.jobs.training_times import keep_training_times
from tasks.measure_similarity import measure_similarity
from tasks.settings.problem_settings import problem_settings
from tasks.settings.sections import ProblemSettings
from tasks.tracking.extraction import LiveTracking
from tasks.tracking.reachable import require_tracking

EPOCHS_AT = 0.5
"""The sparsity at which masks are compared over epochs of training, apart from how many weights have left."""


@flow(name="extract", flow_run_name="extract {problem}", task_runner=threads())
@taking_turns
def extract(problem: Section, changes: Changes = AS_WRITTEN, runner: Runner = "threads") -> None:
    """Publish ``artifacts/<problem>/masks``.

    Args:
        problem: section of params.yaml: a problem under one of its presets, such as cifar10 or cifar10_quick.
        changes: what this run does otherwise than params.yaml says.
        runner: where steps run: threads; dask, a process a core on this machine; or the address of a Dask
            scheduler, such as tcp://10.0.0.1:8786.

    Raises:
        RtlError: extraction is to end at the alarm, and no level comes before it; or MLflow takes nothing.
    """
    settings = problem_settings(problem, changes)
    check_made_with(problem, settings, "extract")
    require_tracking()
    jobs, how = jobs_of(problem, settings), settings.extract
    record_taken_up(problem, "extract", settings)
    check_jobs(jobs, settings)
    if (later := settings.for_retraining) != settings:
        check_jobs(jobs_of(problem, later), settings)
    rounds = {name_of(job): planned_rounds(job, settings) for job in jobs}
    steps = for_each(jobs, lambda job: extraction_steps(job, settings, rounds[name_of(job)]))
    identity = digest_of([jobs, list(rounds.values()), how.model_dump(), settings.seeds])
    with ExitStack() as stack:
        stack.enter_context(workers(runner))
        watches = {
            name_of(job): stack.enter_context(
                CollapseWatch(rounds[name_of(job)], settings.seeds, how.stop_on_collapse, job["instance"])
            )
            for job in jobs
        }
        live = stack.enter_context(
            LiveTracking(problem, identity, [job["instance"] for job in jobs if job["instance"]])
        )

        def looked_at(key: Any, result: Any) -> Collection[Any]:
            match key:
                case (name, "similarity", "rtl", seed, number):
                    watch = watches[name]
                    live.log(seed, watch.sparsities[number - 1], result, watch.instance)
                    if watch.measured(seed, number, result):
                        ends = watch.ends_after
                        own = (later for later in steps if later[0] == name and isinstance(later[-1], int))
                        return [later for later in own if later[-1] > ends]
            return ()

        results = run_steps(steps, "pruning rounds", looked_at)
    files: dict[Path, Reference] = {}
    for job in jobs:
        files |= masks_files(name_of(job), settings, watches[name_of(job)], results_of(job, results))
    publish_stage(problem, "extract", settings, files)
    times = [mask_times(jobs, method, rounds, results) for method in ("rtl", *how.controls)]
    keep_training_times(problem, "extract", chain.from_iterable(times))


def extraction_steps(job: Job, settings: ProblemSettings, rounds: Rounds) -> dict[tuple[Any, ...], Step]:
    """All chains of one job, RTL's and the controls', and what is made of them after each round."""
    how, problem = settings.extract, load_problem(job)
    steps: dict[tuple[Any, ...], Step] = {**start_steps(job, settings.seeds, "rtl", how.rewind_to)}
    for control in ("", *how.controls):
        method, chains = control or "rtl", chains_of(problem, control, how.control_chains)
        steps |= mask_steps(job, method, settings, chains, rounds)  # first: what is watched must not wait for chains
        start_of = "rtl" if how.rewind_to else None
        steps |= chain_steps(job, method, settings.seeds, chains, rounds, how.duration, start_of)
    return steps | epoch_steps(job, settings, rounds)


def masks_files(
    job: JobName, settings: ProblemSettings, watch: CollapseWatch, results: Mapping[tuple[Any, ...], Any]
) -> dict[Path, Reference]:
    """What one job publishes: the masks of every round that is kept, what they were rewound to, and the levels."""
    sparsities = watch.sparsities[: watch.last_round]
    files = {
        paths.masks(job, seed, sparsity, method): results["masks", method, seed, number]
        for method in ("rtl", *settings.extract.controls)
        for seed in settings.seeds
        for number, sparsity in enumerate(sparsities, start=1)
    }
    epochs = [key for key in results if key[0] == "epoch masks" and key[-1] <= watch.last_round]
    files |= {paths.epoch_masks(job, *key[1:]): results[key] for key in epochs}
    files[paths.levels(job)] = {"sha256": STORE.put(watch.record())}
    if settings.extract.rewind_to:
        files |= {paths.start(job, seed): results["start", seed, "rtl"] for seed in settings.seeds}
    return files


def mask_steps(
    job: Job, method: str, settings: ProblemSettings, names: list[str], rounds: Rounds
) -> dict[tuple[Any, ...], Step]:
    """After every round: the masks of a method's chains, under ``masks``; of RTL's their ``similarity`` as well."""
    steps: dict[tuple[Any, ...], Step] = {}
    for seed in settings.seeds:
        for number, sparsity in enumerate(reached(rounds), start=1):
            place = (method, seed, number)
            ends = tuple((method, seed, name, number) for name in names)
            steps["masks", *place] = Step(
                partial(gathered, partial(collect_masks.submit, job, method, seed, sparsity, names)), ends
            )
            if method == "rtl" and settings.extract.stop_on_collapse != "off":
                measured = partial(measure_similarity.submit, job, method, seed, sparsity)
                after = [("masks", *place), *([("start", seed, "rtl")] if settings.extract.rewind_to else [])]
                steps["similarity", *place] = Step(partial(_measured, measured), tuple(after))
    return steps


def epoch_steps(job: Job, settings: ProblemSettings, rounds: Rounds) -> dict[tuple[str, int, int], Step]:
    """The masks that magnitudes would give at one sparsity, after each epoch before the first rewind."""
    duration, names = settings.extract.duration, chains_of(load_problem(job))
    if duration != "1ep":  # a round is another length than an epoch
        return {}
    before = range(1, next((r["number"] for r in rounds if r["rewinds"]), len(rounds) + 1))
    return {
        ("epoch masks", seed, number): Step(
            partial(gathered, partial(masks_after_epoch.submit, job, seed, number, EPOCHS_AT, names)),
            tuple(("rtl", seed, name, number) for name in names),
        )
        for number in before
        if reached(rounds)[number - 1] < EPOCHS_AT
        for seed in settings.seeds
    }


def _measured(submit: Any, masks: Any, start: Any = None) -> Any:
    return submit(masks, start)
