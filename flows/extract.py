"""Stage 2: find the K masks of every seed after every round (Algorithm 1), and watch their similarity."""

from collections.abc import Collection
from functools import partial
from typing import Any

from prefect import flow

from flows.chains import chain_steps, start_steps
from flows.runner import runner
from flows.start import start
from flows.steps import Step, run_steps
from tasks import paths
from tasks.collapse_watch import CollapseWatch
from tasks.collect_masks import collect_masks, masks_after_epoch
from tasks.extract_round import chains_of
from tasks.job import Job, digest_of, job_of, load_problem
from tasks.live_tracking import LiveTracking
from tasks.measure_similarity import measure_similarity
from tasks.planning import Rounds, planned_rounds, reached
from tasks.publishing import publish_files
from tasks.settings import ProblemSettings, problem_settings
from tasks.store import STORE

EPOCHS_AT = 0.5
"""The sparsity at which masks are compared over epochs of training, apart from how many weights have left."""


@flow(name="extract", flow_run_name="extract {problem}", task_runner=runner())
def extract(problem: str) -> None:
    """Publish ``artifacts/<problem>/masks``.

    Args:
        problem: a section of params.yaml.

    Raises:
        RtlError: extraction is to end at the alarm, and no level comes before it.
    """
    settings = problem_settings(problem)
    job = job_of(problem, settings)
    rounds, how = planned_rounds(job, settings), settings.extract
    steps: dict[Any, Step] = {**start_steps(job, settings.seeds, "rtl", how.rewind_to)}
    for method in ("rtl", *how.controls):
        names = chains_of(load_problem(job), method, how.control_chains)
        steps |= mask_steps(job, method, settings, names, rounds)  # first: what is watched must not wait for chains
        steps |= chain_steps(job, method, settings.seeds, names, rounds, how.duration, bool(how.rewind_to))
    epochs = epoch_steps(job, settings, rounds)
    steps |= epochs
    identity = digest_of([job, rounds, how.model_dump(), settings.seeds])
    with (
        CollapseWatch(rounds, settings.seeds, how.stop_on_collapse) as watch,
        LiveTracking(problem, identity) as live,
    ):

        def looked_at(key: Any, result: Any) -> Collection[Any]:
            match key:
                case ("similarity", "rtl", seed, number):
                    live.log(seed, watch.sparsities[number - 1], result)
                    if watch.measured(seed, number, result):
                        return [name for name in steps if isinstance(name[-1], int) and name[-1] > watch.ends_after]
            return ()

        found = run_steps(steps, "pruning rounds", looked_at)
    files = {
        paths.masks(problem, seed, sparsity, method): found["masks", method, seed, number]
        for method in ("rtl", *how.controls)
        for seed in settings.seeds
        for number, sparsity in enumerate(reached(rounds)[: watch.last_round], start=1)
    }
    files |= {paths.epoch_masks(problem, *key[1:]): found[key] for key in epochs if key[-1] <= watch.last_round}
    files[paths.levels(problem)] = {"sha256": STORE.put(watch.record())}
    if how.rewind_to:
        files |= {paths.start(problem, seed): found["start", seed, "rtl"] for seed in settings.seeds}
    publish_files(paths.artifacts(problem) / "masks", files)


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
                partial(_gathered, partial(collect_masks.submit, job, method, seed, sparsity, names)), ends
            )
            if method == "rtl" and settings.extract.stop_on_collapse != "off":
                measured = partial(measure_similarity.submit, job, method, seed, sparsity)
                after = [("masks", *place), *([("start", seed, "rtl")] if settings.extract.rewind_to else [])]
                steps["similarity", *place] = Step(partial(_measured, measured), tuple(after))
    return steps


def epoch_steps(job: Job, settings: ProblemSettings, rounds: Rounds) -> dict[tuple[str, int, int], Step]:
    """The masks that magnitudes would give at one sparsity, after each epoch before the first rewind."""
    duration, names = settings.extract.duration, chains_of(load_problem(job), "rtl")
    if duration != "1ep":  # a round is another length than an epoch
        return {}
    before = range(1, next((r["number"] for r in rounds if r["rewinds"]), len(rounds) + 1))
    return {
        ("epoch masks", seed, number): Step(
            partial(_gathered, partial(masks_after_epoch.submit, job, seed, number, EPOCHS_AT, names)),
            tuple(("rtl", seed, name, number) for name in names),
        )
        for number in before
        if reached(rounds)[number - 1] < EPOCHS_AT
        for seed in settings.seeds
    }


def _measured(submit: Any, masks: Any, start: Any = None) -> Any:
    return submit(masks, start)


def _gathered(submit: Any, *ends: Any) -> Any:
    return submit(list(ends))


if __name__ == "__main__":
    start(extract, "extract")
