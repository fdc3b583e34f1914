"""How well tickets do whose context is told from what they say, beside IMP single, which is told nothing either."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rtl_core.context_examples import ContextExamples
from rtl_core.description.decision import Classes, OneVsRest
from rtl_core.one_network import scored_subsets
from rtl_core.problem import Problem, Score
from rtl_core.randomness import Stream
from rtl_core.routing.confidence import Confidence, fit_confidence
from rtl_core.routing.evidence import route
from rtl_core.routing.outputs import comparable, meaning_of
from rtl_core.routing.quality import Quality, of_contexts, one_context_batches, quality, routed_scores
from rtl_core.routing.superposition import Superposition
from rtl_core.scoring import MEAN, commonest_share
from rtl_core.tickets import Tickets

SIZES = (1, 8, 64)
"""Examples of one context that are asked about together."""
DRAWS = 20
"""Batches of each context and size."""
SUPERPOSED, SUPERPOSED_DRAWS = 10, 5
"""Examples of each context that the superposition is asked about alone, and batches of each size: every one is a
backward pass of its own."""
NORMALISING = 2000
"""Validation examples by which a superposition is normalised, at most."""


class Routed(NamedTuple):
    """What came of one ticket set, or of IMP single.

    Attributes:
        rows: of routing.csv, without their place.
        scores: of single examples, under the protocol ``routed``.
    """

    rows: list[dict[str, Any]]
    scores: list[Score]


def is_offered(problem: Problem) -> bool:
    """Whether there is more than one context, outputs tell it, and both splits have examples of each."""
    if not isinstance(problem.usage().decision, OneVsRest | Classes):
        return False
    subsets = scored_subsets(problem)
    splits = [problem.context_examples(split) for split in ("validation", "test")]
    return len(subsets) > 1 and all(one is not None and _fewest(one, len(subsets)) for one in splits)


def fitted(problem: Problem, networks: Sequence[nn.Module]) -> Confidence | None:
    """What is fitted to the networks of K tickets on validation data; None where an output is not finite."""
    examples = _examples(problem, "validation")
    outputs = _outputs(problem, networks, examples)
    if outputs is None:
        return None
    return fit_confidence(meaning_of(problem.usage().decision), outputs, examples.context, examples.answers)


def by_confidence(
    problem: Problem, networks: Sequence[nn.Module], confidence: Confidence, stream: Stream
) -> Routed | None:
    """The surest ticket, of all test examples; None where an output is not finite."""
    examples = _examples(problem, "test")
    outputs = _outputs(problem, networks, examples)
    if outputs is None:
        return None
    right, figures = _right(problem, examples, None if _is_claimed(problem) else outputs), {}
    for size, batches in _batches(examples, problem.subsets, stream, DRAWS):
        figures[size] = quality(confidence.route(outputs, batches).choice, examples.context, batches, right)
    scores = routed_scores(figures[1].routed, problem.subsets, _chances(examples, len(problem.subsets)))
    return Routed(_rows(problem, "confidence", figures), scores)


def by_superposition(
    problem: Problem, tickets: Tickets, networks: Sequence[nn.Module], stream: Stream
) -> list[dict[str, Any]]:
    """The ticket whose larger share lowers the entropy most, of some test examples: rows of routing.csv.

    There are none where an output or a gradient is not finite.

    Args:
        problem: of the tickets.
        tickets: K of them.
        networks: theirs.
        stream: the root of their seed's draws.
    """
    seen, examples = (_examples(problem, split) for split in ("validation", "test"))
    outputs = None if _is_claimed(problem) else _outputs(problem, networks, examples)
    if outputs is None and not _is_claimed(problem):
        return []
    order = torch.randperm(len(seen.context), generator=stream.at(draw="examples that normalise").generator())
    superposition = Superposition(tickets, networks[0], seen.inputs(order[:NORMALISING]), stream)
    right, figures = _right(problem, examples, outputs), {}
    for size, batches in _batches(examples, problem.subsets, stream, SUPERPOSED_DRAWS):
        if size == 1:
            batches = _some(examples.context, stream).unsqueeze(1)
        evidence = superposition.evidence(examples.inputs(batch) for batch in batches)
        if not evidence.isfinite().all():
            return []
        figures[size] = quality(route(evidence, 1.0).choice, examples.context, batches, right)
    return _rows(problem, "superposition", figures)


def by_one_network(problem: Problem, network: nn.Module, stream: Stream) -> Routed:
    """IMP single's network, which answers without being told the context, on the examples of ``by_confidence``."""
    examples, subsets = _examples(problem, "test"), scored_subsets(problem)
    right = (examples.untold(network) == examples.answers).double()
    routed = {
        size: of_contexts(right[batches].mean(1), examples.context[batches[:, 0]], len(subsets))
        for size, batches in _batches(examples, subsets, stream, DRAWS)
    }
    rows = [row for size, values in routed.items() for row in _rows_of_size("none", size, subsets, routed=values)]
    return Routed(rows, routed_scores(routed[1], subsets, _chances(examples, len(subsets))))


def _examples(problem: Problem, split: str) -> ContextExamples:
    """Of a problem for which routing is offered."""
    examples = problem.context_examples(split)
    assert examples is not None
    return examples


def _fewest(examples: ContextExamples, num_contexts: int) -> int:
    """How many examples the context has that has fewest."""
    return int(examples.context.bincount(minlength=num_contexts).min())


def _outputs(problem: Problem, networks: Sequence[nn.Module], examples: ContextExamples) -> Tensor | None:
    """Of all tickets, those that count, float64 [N, K, C]; None where one is not finite."""
    outputs = torch.stack([examples.outputs(network) for network in networks], dim=1)
    return comparable(problem.usage().decision, outputs, problem.subsets) if outputs.isfinite().all() else None


def _is_claimed(problem: Problem) -> bool:
    """Whether the context of the ticket that is taken is itself the answer."""
    return isinstance(problem.usage().decision, OneVsRest)


def _right(problem: Problem, examples: ContextExamples, outputs: Tensor | None) -> Tensor:
    """Whether ticket k, once taken, is right of example n, bool [N, K]: by its outputs, if they are asked for."""
    said = torch.arange(len(problem.subsets)) if outputs is None else outputs.argmax(2)
    return said == examples.answers[:, None]


def _batches(
    examples: ContextExamples, subsets: Sequence[str], stream: Stream, draws: int
) -> Iterator[tuple[int, Tensor]]:
    """Batches of each size of which every context has enough examples."""
    fewest = _fewest(examples, len(subsets))
    for size in SIZES:
        if size <= fewest:
            yield size, one_context_batches(examples.context, size, draws, subsets, stream)


def _some(context: Tensor, stream: Stream) -> Tensor:
    """Numbers of examples that are drawn from each context, int64 [M]: SUPERPOSED of each, or as many as there are."""
    order = torch.randperm(len(context), generator=stream.at(draw="examples of a superposition").generator())
    return torch.cat([order[context[order] == k][:SUPERPOSED] for k in context.unique()])


def _chances(examples: ContextExamples, num_contexts: int) -> list[float]:
    """What guessing the context, and then saying its commonest answer, gets right in each."""
    shares = [commonest_share(examples.answers[examples.context == k]) or 0.0 for k in range(num_contexts)]
    return [share / num_contexts for share in shares]


def _rows(problem: Problem, router: str, figures: dict[int, Quality]) -> list[dict[str, Any]]:
    """One-vs-rest, what a known context would give is left out: it is the answer."""
    return [
        row
        for size, (found, routed, known) in figures.items()
        for row in _rows_of_size(router, size, problem.subsets, found, routed, None if _is_claimed(problem) else known)
    ]


def _rows_of_size(
    router: str,
    size: int,
    subsets: Sequence[str],
    found: Tensor | None = None,
    routed: Tensor | None = None,
    known: Tensor | None = None,
) -> list[dict[str, Any]]:
    columns = [
        [*values.tolist(), values.mean().item()] if values is not None else [None] * (len(subsets) + 1)
        for values in (found, routed, known)
    ]
    names = ("router", "batch", "subset", "found", "routed", "known")
    return [
        dict(zip(names, (router, size, name, *values), strict=True))
        for name, *values in zip((*subsets, MEAN), *columns, strict=True)
    ]
