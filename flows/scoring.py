"""The steps of a comparison: what is scored, measured, pictured and analysed."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from flows.steps import Step, results_of
from rtl_core.errors import DataError
from rtl_core.methods import METHODS
from rtl_core.routing.routed import is_offered
from tasks.analyse_collapse import analyse_collapse
from tasks.artefacts import paths
from tasks.artefacts.publishing import collect
from tasks.artefacts.store import Reference
from tasks.exhibit_method import exhibit_method, exhibit_references
from tasks.jobs.job import Job, load_problem, name_of, with_one_network
from tasks.jobs.levels import compared_levels, read_levels, retrained_places
from tasks.jobs.published_tickets import published_tickets
from tasks.jobs.starting_point import published_start
from tasks.jobs.ticket_sets import bare_file
from tasks.measure_similarity import measure_similarity
from tasks.route_contexts import ask_one_network, route_contexts, superpose_tickets
from tasks.score_across import score_across
from tasks.score_method import score_method
from tasks.settings.methods import all_methods, examined_method
from tasks.settings.sections import ProblemSettings

Place = tuple[str, int, float]
"""Method (or whose masks), seed and sparsity (or epoch)."""
Results = Mapping[tuple[Any, ...], Any]


def compared_places(job: Job, settings: ProblemSettings) -> list[Place]:
    """Every method at the levels compared, in the order of the tables."""
    levels = compared_levels(name_of(job), settings)
    return [
        (method, seed, sparsity)
        for method in all_methods(settings)
        for seed in sorted(settings.seeds)
        for sparsity in levels
    ]


def seen_by(place: Place, job: Job) -> Job:
    """A job as the method of a place sees it."""
    return with_one_network(job) if METHODS[place[0]].kind == "one network" else job


def scoring_steps(job: Job, settings: ProblemSettings) -> dict[Place, Step]:
    """Every method at the levels compared, and the tickets examined for collapse at theirs."""
    compared = set(compared_places(job, settings))
    examined = {place for place in retrained_places(name_of(job), settings) if place[0] == examined_method(settings)}
    order = {method: number for number, method in enumerate(all_methods(settings))}
    return {
        place: Step(partial(score_method.submit, seen_by(place, job), *place, ticket_files(job, *place)))
        for place in sorted(compared | examined, key=lambda place: (order[place[0]], *place[1:]))
    }


def routing_steps(job: Job, settings: ProblemSettings) -> dict[tuple[Any, ...], Step]:
    """Every method compared that can do without the context; of the first seed also by superposition."""
    steps: dict[tuple[Any, ...], Step] = {}
    for place in [place for place in compared_places(job, settings) if can_do_without_context(job, place[0])]:
        (file,) = ticket_files(job, *place)
        steps[place] = routing_step(seen_by(place, job), place, file)
        if METHODS[place[0]].kind == "rtl" and place[1] == settings.seeds[0]:
            steps["superposition", *place] = Step(partial(superpose_tickets.submit, job, *place, file))
    return steps


def can_do_without_context(job: Job, method: str) -> bool:
    """Whether a method is one of RTL's, or has one network, of a problem whose outputs tell the context."""
    return METHODS[method].kind in ("rtl", "one network") and is_offered(load_problem(job))


def routing_step(job: Job, place: Place, file: Reference) -> Step:
    """How a method does where the context is not known; ``job`` is as the method sees it."""
    step = route_contexts if METHODS[place[0]].kind == "rtl" else ask_one_network
    return Step(partial(step.submit, job, *place, file))


def across_steps(job: Job, settings: ProblemSettings) -> dict[Place, Step]:
    """Every ticket of RTL on every subset's job."""
    return {
        place: Step(partial(score_across.submit, job, *place, bare_file(paths.tickets(name_of(job), *place))))
        for place in retrained_places(name_of(job), settings)
    }


def similarity_steps(job: Job, settings: ProblemSettings) -> dict[Place, Step]:
    """RTL's masks and the controls' after every round, and under ``epochs`` RTL's over epochs of training."""
    name, rounds = name_of(job), read_levels(name_of(job))["rounds"]
    files: dict[Place, Path] = {}
    for seed in settings.seeds:
        for masks in ("rtl", *settings.extract.controls):
            files |= {(masks, seed, sparsity): paths.masks(name, seed, sparsity, masks) for sparsity in rounds}
        epochs = len(list(paths.epoch_masks(name, seed, 0).parent.glob("epoch-*")))
        files |= {("epochs", seed, epoch): paths.epoch_masks(name, seed, epoch) for epoch in range(1, epochs + 1)}
    return {
        place: Step(
            partial(measure_similarity.submit, job, *place, collect(path), published_start(name, settings, place[1]))
        )
        for place, path in files.items()
    }


def exhibit_steps(job: Job, settings: ProblemSettings) -> dict[tuple[Any, ...], Step]:
    """Pictures of all that is compared, of the first seed; no step where a problem has nothing to look at."""
    if not load_problem(job).references:
        return {}
    first = settings.seeds[0]
    return {("references",): Step(partial(exhibit_references.submit, job, first))} | {
        place: Step(partial(exhibit_method.submit, seen_by(place, job), *place, ticket_files(job, *place)))
        for place in compared_places(job, settings)
        if place[1] == first
    }


def analysis_steps(
    job: Job, settings: ProblemSettings, scored: Results, across: Results, similar: Results
) -> dict[tuple[str], Step]:
    """The collapse analysis of one job, from what the steps of all jobs returned."""
    semantics, measured = settings.collapse.semantics, results_of(job, similar)
    examined = [one for place, one in results_of(job, scored).items() if place[0] == examined_method(settings)]
    analysis = partial(
        analyse_collapse.submit,
        str(name_of(job)),
        [row for one in examined for row in one["scores"]],
        [_at(place, one) for place, one in measured.items() if place[0] != "epochs"],
        [_at(place, one) for place, one in measured.items() if place[0] == "epochs"],
        [one for one in results_of(job, across).values() if one],
        read_levels(name_of(job)),
        settings.collapse.metric,
        collect(Path(semantics)) if semantics else None,
    )
    return {("analysis",): Step(analysis)}


def ticket_files(job: Job, method: str, seed: int, sparsity: float) -> list[Reference]:
    """References of a method's published ticket files, as training left them.

    Raises:
        DataError: the stage that publishes them has not run.
    """
    if not (files := published_tickets(name_of(job), method, seed, sparsity)):
        folder = paths.baselines(name_of(job), method, seed, sparsity)
        raise DataError(f"{folder}: no ticket files; run the baselines stage first")
    return [bare_file(path) for path in files]


def _at(place: tuple[Any, ...], measured: dict[str, Any]) -> dict[str, Any]:
    masks, seed, sparsity = place
    return {**measured, "masks": masks, "seed": seed, "sparsity": sparsity}
