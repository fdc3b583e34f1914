"""How trained tickets are scored and described before they are published; the comparison finds their scores."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from flows.scoring import Place, can_do_without_context, routing_step, seen_by
from flows.steps import Step, run_steps
from tasks.artefacts.digests import digest_of
from tasks.artefacts.store import Reference
from tasks.describe_tickets import describe_tickets
from tasks.jobs.job import Job, name_of
from tasks.score_method import score_method
from tasks.sources.source_digest import step_digest

TRAINING = ("tasks.retrain_tickets", "tasks.train_networks", "tasks.share_statistics")
"""The steps that tickets come from."""


def described_files(
    jobs: Sequence[Job], made: Mapping[tuple[Any, ...], list[Reference]]
) -> dict[tuple[Any, ...], list[Reference]]:
    """References of ticket files that say all about themselves, in place of those of tickets alone.

    Args:
        jobs: of the problem, as the comparison sees them.
        made: by job, method, seed and sparsity, the files of a method: one, or K that share nothing.
    """
    seen = {place: _seen(jobs, place) for place in made}
    untold = [place for place in made if can_do_without_context(seen[place], place[1])]
    routed = run_steps(
        {place: routing_step(seen[place], (place[1], place[2], place[3]), *made[place]) for place in untold},
        "unknown contexts",
    )
    scored = run_steps(
        {place: Step(partial(score_method.submit, seen[place], *place[1:], files)) for place, files in made.items()},
        "scoring",
    )
    scores = {place: scored[place]["scores"] + routed.get(place, {}).get("scores", []) for place in made}
    numbers = {place: routed.get(place, {}).get("numbers") for place in made}
    code = {name_of(job): digest_of([job["code"], *map(step_digest, TRAINING)]) for job in jobs}
    steps = {
        (*place, number): Step(
            partial(
                describe_tickets.submit,
                seen[place],
                *place[1:],
                file,
                scores[place],
                code[place[0]],
                numbers[place],
            )
        )
        for place, files in made.items()
        for number, file in enumerate(files)
    }
    whole = run_steps(steps, "descriptions")
    return {place: [whole[(*place, number)] for number in range(len(files))] for place, files in made.items()}


def _seen(jobs: Sequence[Job], place: tuple[Any, ...]) -> Job:
    name, *rest = place
    of_job: Place = (rest[0], rest[1], rest[2])
    return next(seen_by(of_job, job) for job in jobs if name_of(job) == name)
