"""What each method's training costs at each level, from the start: its own steps and those it takes over from RTL."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import isnan
from typing import Any

from flows.chains import level_ends
from flows.scoring import Place, Results, compared_places
from flows.steps import Step, results_of
from rtl_core.cost import Cost, Epoch, round_cost, summed, training_cost
from rtl_core.duration import Duration
from rtl_core.methods import METHODS
from tasks.count_epochs import count_epochs
from tasks.jobs.job import Job, name_of, with_one_network
from tasks.jobs.making import job_of
from tasks.jobs.rounds import planned_rounds
from tasks.jobs.training_times import starts_of
from tasks.settings.methods import has_one_network, rtl_methods
from tasks.settings.sections import ProblemSettings

Row = dict[str, int | None]


def counting_steps(job: Job, settings: ProblemSettings) -> dict[tuple[str], Step]:
    """What there is in an epoch of chains, of joint retraining where that has batches of its own, and, where there is
    one, of the one network.
    """
    views = {"chains": job}
    if (joint := job_of(name_of(job), settings.for_retraining)) != job:
        views["joint"] = joint
    if has_one_network(settings):
        views["single"] = with_one_network(job)
    return {(name,): Step(partial(count_epochs.submit, view)) for name, view in views.items()}


def training_costs(jobs: Sequence[Job], settings: ProblemSettings, counted: Results) -> dict[tuple[Any, ...], Row]:
    """The cost of every method compared, up to its tickets or networks at each level: by job, method, seed and level
    ``steps``, ``presentations`` and ``multiply_adds``, None where these are not known (``rtl_core.cost``).

    Masks that are another method's, or made to their measure, cost what finding those did; so does what is rewound to
    (``starts_of``).

    Args:
        jobs: of the problem.
        settings: of the problem.
        counted: what ``counting_steps`` of all jobs returned.
    """
    return {
        (name_of(job), *place): {
            "steps": cost.steps,
            "presentations": _whole(cost.presentations),
            "multiply_adds": _whole(cost.multiply_adds),
        }
        for job in jobs
        for place, cost in _costs_of(job, settings, results_of(job, counted)).items()
    }


def _whole(count: float) -> int | None:
    return None if isnan(count) else round(count)


def _costs_of(job: Job, settings: ProblemSettings, counted: Results) -> dict[Place, Cost]:
    epochs = {name: [Epoch(*epoch) for epoch in found] for (name,), found in counted.items()}
    epochs.setdefault("joint", epochs["chains"])
    places, duration = compared_places(job, settings), settings.extract.duration
    rtl = _searches(job, settings, epochs["chains"], duration)
    single: dict[float, Cost] = {}
    if any(METHODS[method].masks_of == "imp_single" for method, *_ in places):
        one = with_one_network(job)
        single = _searches(one, settings, epochs["single"], settings.single_model_duration(duration))
    trained = {
        method: summed([*_starts(epochs, settings, method), _training(epochs, settings, method)])
        for method, *_ in places
    }
    return {
        (method, seed, level): summed(
            [single[level] if METHODS[method].masks_of == "imp_single" else rtl[level], trained[method]]
        )
        for method, seed, level in places
    }


def _searches(job: Job, settings: ProblemSettings, epochs: Sequence[Epoch], duration: str) -> dict[float, Cost]:
    """What finding the masks of each level took: all rounds of all chains until there."""
    rounds = [round_cost(epoch, Duration.parse(duration)) for epoch in epochs]
    return {level: summed(rounds * number) for level, number in level_ends(planned_rounds(job, settings)).items()}


def _starts(epochs: Mapping[str, Sequence[Epoch]], settings: ProblemSettings, method: str) -> list[Cost]:
    """What late rewinding took: nothing where that is to θ₀."""
    if not (late := settings.extract.rewind_to):
        return []
    of = {"rtl": ("chains", late), "imp_single": ("single", settings.single_model_duration(late))}
    starts = [of[owner] for owner in starts_of(method)]
    return [_joint(epochs[view], duration, "synchronous") for view, duration in starts]


def _training(epochs: Mapping[str, Sequence[Epoch]], settings: ProblemSettings, method: str) -> Cost:
    """What training under the masks took."""
    kind, duration = METHODS[method].kind, settings.retrain.duration
    if kind == "one network":
        return _joint(epochs["single"], settings.single_model_duration(duration), "sequential")
    if kind == "K networks":
        return _joint(epochs["chains"], duration, "sequential")
    return _joint(epochs["joint"], duration, rtl_methods(settings).get(method, settings.retrain.update[0]))


def _joint(epochs: Sequence[Epoch], duration: str, update: str) -> Cost:
    return training_cost(epochs, Duration.parse(duration), max(epoch.batches for epoch in epochs), update)
