"""What tickets are told to say about themselves in their file, by the problem that they are of and their scores."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rtl_core.description.about import About, Code, Figures, Routing, Usage
from rtl_core.description.decision import Decision, OneVsRest
from rtl_core.description.statement import stated
from rtl_core.one_network import OneNetwork, scored_subsets
from rtl_core.problem import Problem, Score
from rtl_core.scoring import MEAN
from rtl_core.tickets import Tickets

PACKAGE = "routing-the-lottery"


def described(
    tickets: Tickets,
    problem: Problem,
    method: str,
    sparsity: float,
    seed: int,
    scores: Sequence[Score],
    digest: str = "",
    routing: Mapping[str, Any] | None = None,
) -> Tickets:
    """The same tickets, which say how they are used, what they are and how good they were.

    Args:
        tickets: all of a method's, or those of one of K networks that share nothing.
        problem: as the method sees it.
        method: whose they are.
        sparsity: share of the prunable weights at zero.
        seed: of every draw.
        scores: complete ones of the method.
        digest: of the source code behind them, where it was taken.
        routing: numbers by which the context is told where it is unknown (``Confidence.numbers``), if it can be.
    """
    are_all = len(tickets.subsets) == len(problem.subsets)
    contexts = scored_subsets(problem) if are_all else tickets.subsets
    usage = _usage(problem)
    about = About(
        architecture=usage.architecture,
        preprocessing=usage.preprocessing,
        decision=_with_thresholds(usage.decision, scores, contexts),
        contexts=contexts,
        method=method,
        sparsity=float(sparsity),
        seed=seed,
        code=Code(version=_version(), digest=digest),
        scores=_figures(scores, contexts, are_all),
        routing=stated(Routing, **_tuples(routing)) if routing else None,
    )
    return replace(tickets, about=about)


def _usage(problem: Problem) -> Usage:
    """How tickets are used; the network is unknown where it is that of a class below the one that states the usage."""
    job, usage = problem.job if isinstance(problem, OneNetwork) else problem, problem.usage()
    stating = _definer(job, "usage")
    making = [_definer(job, name) for name in ("network", "single_network")]
    is_another = any(one is not stating and issubclass(one, stating) for one in making)
    return usage._replace(architecture=None) if is_another else usage


def _definer(problem: Problem, method: str) -> type:
    return next(cls for cls in type(problem).__mro__ if method in vars(cls))


def _with_thresholds(decision: Decision | None, scores: Sequence[Score], contexts: Sequence[str]) -> Decision | None:
    if not isinstance(decision, OneVsRest):
        return decision
    known = {s.subset: s.threshold for s in scores if s.subset in contexts and s.threshold is not None}
    return OneVsRest(outputs={name: decision.outputs[name] for name in contexts}, thresholds=known)


def _figures(scores: Sequence[Score], contexts: Sequence[str], are_all: bool) -> tuple[Figures, ...]:
    """By protocol and metric; a mean is that of all contexts, which some of a method's tickets do not have."""
    of_metric: dict[tuple[str, str], dict[str, Score]] = {}
    for score in scores:
        if not score.example:
            of_metric.setdefault((score.protocol, score.metric), {})[score.subset] = score
    return tuple(
        Figures(
            protocol=protocol,
            metric=metric,
            higher_is_better=bool(next(iter(rows.values())).higher_is_better),
            contexts=tuple(rows[name].value if name in rows else None for name in contexts),
            mean=rows[MEAN].value if MEAN in rows and are_all else None,
        )
        for (protocol, metric), rows in of_metric.items()
    )


def _tuples(numbers: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in numbers.items()}


def _version() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:  # of a copy that was not installed
        return ""
