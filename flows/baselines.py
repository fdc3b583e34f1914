"""Stage 4: train what RTL is compared with."""

from functools import partial
from typing import Any

from prefect import flow

from flows.chains import chain_steps, level_ends
from flows.retrain import start_of
from flows.runner import runner
from flows.start import start
from flows.steps import Step, run_steps
from tasks import paths
from tasks.job import Job, job_of, load_problem
from tasks.methods import mask_controls, rtl_methods
from tasks.planning import planned_rounds
from tasks.publishing import collect, publish_files
from tasks.retrain_tickets import retrain_tickets, share_statistics
from tasks.settings import ProblemSettings, problem_settings
from tasks.train_baseline import train_multiple, train_single, train_single_union


@flow(name="baselines", flow_run_name="baselines {problem}", task_runner=runner())
def baselines(problem: str) -> None:
    """Publish ``artifacts/<problem>/baselines``.

    Args:
        problem: a section of params.yaml.
    """
    settings = problem_settings(problem)
    job = job_of(problem, settings)
    duration = settings.retrain.duration
    places = [(seed, sparsity) for seed in settings.seeds for sparsity in settings.compared_sparsities]
    steps: dict[Any, Step] = {}
    if "imp_single" in settings.baselines.methods:
        steps |= single_model(job, settings)
    for seed, sparsity in places:
        masks, start = collect(paths.masks(problem, seed, sparsity)), start_of(problem, settings, seed)
        submits: dict[str, Any] = {
            "imp_single_union": partial(
                train_single_union.submit, job, seed, sparsity, settings.single_model_duration(duration), masks, start
            ),
            "imp_multiple": partial(train_multiple.submit, job, seed, sparsity, duration, masks, start),
        }
        for method in mask_controls(settings):
            update = settings.retrain.update[0]
            submits[method] = partial(
                retrain_tickets.submit, job, method, update, seed, sparsity, duration, masks, start
            )
        if "shared_statistics" in settings.baselines.methods:
            tickets = collect(paths.tickets(problem, next(iter(rtl_methods(settings))), seed, sparsity))
            submits["shared_statistics"] = partial(share_statistics.submit, job, seed, sparsity, tickets)
        steps |= {
            (method, seed, sparsity): Step(submit)
            for method, submit in submits.items()
            if method in settings.baselines.methods
        }
    found = run_steps(steps, "baselines: rounds and trainings")
    publish_files(
        paths.artifacts(problem) / "baselines",
        {
            paths.baselines(problem, method, *place) / f"network-{number:03}.safetensors": reference
            for method in settings.baselines.methods
            for place in places
            for number, reference in enumerate(_listed(found[method, *place]))
        },
    )


def single_model(job: Job, settings: ProblemSettings) -> dict[Any, Step]:
    """IMP with one model: its own chain of pruning rounds on all data, then one training per level."""
    subset = load_problem(job).single_objective.name
    rounds = planned_rounds(job, settings, single=True)
    pruning = settings.single_model_duration(settings.extract.duration)
    training = settings.single_model_duration(settings.retrain.duration)
    steps: dict[Any, Step] = {}
    rewind_to = settings.extract.rewind_to
    steps |= chain_steps(job, "imp_single", settings.seeds, [subset], rounds, pruning, rewind_to)
    for seed in settings.seeds:
        for sparsity in settings.compared_sparsities:
            end = ("imp_single", seed, subset, level_ends(rounds)[sparsity])
            after = (end, ("start", seed, "imp_single")) if rewind_to else (end,)
            steps["imp_single", seed, sparsity] = Step(partial(_train, job, seed, sparsity, training), after)
    return steps


def _train(job: Job, seed: int, sparsity: float, duration: str, chain: Any, start: Any = None) -> Any:
    return train_single.submit(job, seed, sparsity, duration, chain, start)


def _listed(found: Any) -> list[dict[str, str]]:
    return found if isinstance(found, list) else [found]


if __name__ == "__main__":
    start(baselines, "baselines")
