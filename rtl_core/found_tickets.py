"""What ``find_tickets`` found: tickets at every sparsity, their networks and their scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import nn

from rtl_core.construction import networks_of, new_network
from rtl_core.describing import described
from rtl_core.errors import SettingsError
from rtl_core.methods import METHODS
from rtl_core.one_network import as_one_network
from rtl_core.problem import Problem, Score
from rtl_core.randomness import Stream
from rtl_core.routing.routed import fitted, is_offered
from rtl_core.scoring import MEAN
from rtl_core.tickets import Tickets
from rtl_core.use.allowed import import_path_in
from rtl_core.use.tickets_in_use import TicketsInUse

Sets = dict[tuple[str, float], list[Tickets]]
"""By method and sparsity, one set of tickets, or K of IMP multiple."""


@dataclass(frozen=True)
class FoundTickets:
    """Tickets by method and sparsity; printed, it is a table of the means over subsets.

    Attributes:
        problem: whose tickets they are.
        stream: from which all was drawn.
        sets: the tickets of each method at each sparsity.
        scored: method, sparsity and score, one row a figure.
    """

    problem: Problem
    stream: Stream
    sets: Sets
    scored: Sequence[tuple[str, float, Score]]

    @cached_property
    def scores(self) -> list[dict[str, Any]]:
        """One row a score, for a table of one's own: ``method``, ``sparsity``, then the fields of ``Score``."""
        return [{"method": method, "sparsity": level} | score._asdict() for method, level, score in self.scored]

    def at(self, sparsity: float, method: str | None = None) -> TicketsInUse:
        """The retrained tickets at a sparsity, to be saved or used; of RTL where no method is named.

        Raises:
            SettingsError: there are none, or IMP multiple has K that share nothing.
        """
        one, *more = self._sets(sparsity, method)
        if more:
            raise SettingsError(f"method: {method} has {1 + len(more)} sets of one; allowed: see network() and sets")
        method = method or self._rtl
        view = as_one_network(self.problem) if METHODS[method].kind == "one network" else self.problem
        scores = [score for of, level, score in self.scored if (of, level) == (method, sparsity)]
        routing = None
        if METHODS[method].kind == "rtl" and is_offered(view):
            confidence = fitted(view, networks_of(view, [one], self.stream))
            routing = confidence.numbers if confidence else None
        tickets = described(one, view, method, sparsity, self.stream.seed, scores, routing=routing)
        own = import_path_in(tickets.about.architecture if tickets.about else None)  # it is in this process
        return TicketsInUse.of(tickets, f"tickets of {method}", [own] if own else [])

    def network(self, subset: str, sparsity: float, method: str | None = None) -> nn.Module:
        """The network that serves a subset, in evaluation mode.

        Raises:
            SettingsError: there is none.
        """
        if subset not in self.problem.subsets:
            raise SettingsError(f"subset: found {subset!r}; allowed: {', '.join(self.problem.subsets)}")
        is_one = METHODS[method or self._rtl].kind == "one network"
        sets = self._sets(sparsity, method)
        into = new_network(as_one_network(self.problem) if is_one else self.problem, self.stream)
        places = [(tickets, k) for tickets in sets for k in range(len(tickets.subsets))]
        tickets, k = places[0 if is_one else self.problem.subsets.index(subset)]
        return tickets.network(k, into)

    def _sets(self, sparsity: float, method: str | None) -> list[Tickets]:
        place = (method or self._rtl, sparsity)
        if place not in self.sets:
            known = ", ".join(f"{name} at {level:g}" for name, level in self.sets)
            raise SettingsError(f"found no tickets of {place[0]} at {sparsity:g}; allowed: {known}")
        return self.sets[place]

    @property
    def _rtl(self) -> str:
        return next(iter(self.sets))[0]

    def __str__(self) -> str:
        """The mean of every metric over subsets: sparsities in rows, methods in columns."""
        methods = list(dict.fromkeys(method for method, _ in self.sets))
        levels = list(dict.fromkeys(level for _, level in self.sets))
        means = {(m, level, s.protocol, s.metric): s for m, level, s in self.scored if s.subset == MEAN}
        titles = [METHODS[method].title for method in methods]
        rows = [["mean over subsets", "better", "sparsity", *titles]]
        for protocol, metric in dict.fromkeys(place[2:] for place in means):
            for level in levels:
                of_level = [means.get((method, level, protocol, metric)) for method in methods]
                higher = any(score.higher_is_better for score in of_level if score)
                figures = [f"{score.value:.4g}" if score else "" for score in of_level]
                rows.append([f"{protocol} {metric}", "higher" if higher else "lower", f"{level:.0%}", *figures])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
