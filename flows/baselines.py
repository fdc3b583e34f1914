"""Stage 4: train what RTL is compared with."""

from typing import Any

from prefect import flow

from flows.chains import run_chains
from flows.progress import results_of
from flows.runner import runner
from flows.start import start
from tasks import paths
from tasks.job import Job, job_of, load_problem
from tasks.methods import sanity_methods
from tasks.planning import planned_rounds
from tasks.publishing import collect, publish_files
from tasks.retrain_tickets import retrain_tickets
from tasks.settings import ProblemSettings, problem_settings
from tasks.train_baseline import train_multiple, train_single


@flow(name="baselines", flow_run_name="baselines {problem}", task_runner=runner())
def baselines(problem: str) -> None:
    """Publish ``artifacts/<problem>/baselines``.

    Args:
        problem: a section of params.yaml.
    """
    settings = problem_settings(problem)
    job = job_of(problem, settings)
    duration = settings.retrain.duration
    futures: dict[tuple[str, int, float], Any] = {}
    for seed in settings.seeds:
        for sparsity in settings.sparsities:
            masks = collect(paths.masks(problem, seed, sparsity))
            if "imp_multiple" in settings.baselines.methods:
                futures["imp_multiple", seed, sparsity] = train_multiple.submit(job, seed, sparsity, duration, masks)
            for method in sanity_methods(settings):
                futures[method, seed, sparsity] = retrain_tickets.submit(
                    job, method, settings.retrain.update[0], seed, sparsity, duration, masks
                )
    if "imp_single" in settings.baselines.methods:
        futures |= single_model(job, settings)
    trained = results_of(futures, "baselines: training")
    publish_files(
        paths.artifacts(problem) / "baselines",
        {
            paths.baselines(problem, *place) / f"network-{number:03}.safetensors": reference
            for place, found in trained.items()
            for number, reference in enumerate(found if isinstance(found, list) else [found])
        },
    )


def single_model(job: Job, settings: ProblemSettings) -> dict[tuple[str, int, float], Any]:
    """IMP with one model: its own chain of pruning rounds on all data, then one training per level."""
    subset = load_problem(job).single_objective.name
    rounds = planned_rounds(job, settings, single=True)
    pruning = settings.single_model_duration(settings.extract.duration)
    training = settings.single_model_duration(settings.retrain.duration)
    chains = run_chains(job, "imp_single", settings.seeds, [subset], rounds, pruning)
    return {
        ("imp_single", *place): train_single.submit(job, *place, training, ends[0]) for place, ends in chains.items()
    }


if __name__ == "__main__":
    start(baselines, "baselines")
