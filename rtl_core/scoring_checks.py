"""What scores of untrained networks tell before anything is trained: whether those of tickets can be compared."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import nn

from rtl_core.implicit_draws import implicit_draws
from rtl_core.one_network import scored_subsets
from rtl_core.problem import Problem
from rtl_core.scoring import complete_scores


def score_failures(problem: Problem, score: Callable[[], Any], metrics: set[str]) -> Iterator[str]:
    """What is wrong with what ``score`` returns; where nothing is, ``metrics`` is filled with its metrics.

    Raises:
        DataError, SettingsError: a row cannot be tabulated.
    """
    with implicit_draws() as draws:
        scores = score()
    yield from draw_failures("it", draws, "give it a torch.Generator")
    metrics.update(row.metric for row in complete_scores(scores, scored_subsets(problem)))


def every_job_failures(problem: Problem, network: nn.Module, metrics: set[str]) -> Iterator[str]:
    """What is wrong with ``across_subsets`` of a network in evaluation mode, ``metrics`` being those of ``score``."""
    with implicit_draws() as draws:
        across = problem.across_subsets(network)
    yield from draw_failures("it", draws, "give it a torch.Generator")
    if across is None:
        return
    if across.metric not in metrics:
        yield f"metric: found {across.metric!r}; allowed: one of score()'s, {', '.join(sorted(metrics))}"
    if len(across.scores) != len(problem.subsets):
        yield f"found {len(across.scores)} scores; allowed: {len(problem.subsets)}, one a subset"


def draw_failures(what: str, draws: Sequence[str], remedy: str) -> Iterator[str]:
    """A line where something drew by operators that were given no generator, and what to do about it."""
    if draws:
        operators = ", ".join(dict.fromkeys(draws))
        yield (
            f"{what} draws random numbers ({operators}) from no generator, so two runs would differ; {remedy}, "
            "or leave it out (p=0)"
        )
