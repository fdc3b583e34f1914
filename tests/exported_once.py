"""Graphs of the same tickets, which torch exports once for all tests of a module."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from rtl_core.use.tickets_in_use import TicketsInUse


def exported_once(exported_graph: Callable[..., Any]) -> Callable[..., Any]:
    """The same function: a copy of what it gave for these weights and contexts, whatever it is traced on."""
    known: dict[tuple[Any, ...], tuple[Any, Any]] = {}

    def exported(tickets: TicketsInUse, contexts: Sequence[str], inputs: Tensor | None, into: nn.Module | None) -> Any:
        of = (id(tickets.weights), tickets.about and tickets.about.model_dump_json())
        key = (*of, *contexts, id(into))
        if key not in known:
            known[key] = exported_graph(tickets, contexts, inputs, into), (tickets.weights, into)  # which keep their id
        graph = known[key][0]
        copy = type(graph)()
        copy.CopyFrom(graph)
        return copy

    return exported
