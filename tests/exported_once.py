"""Graphs of the same tickets, which torch exports once for all tests of a module."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from torch import Tensor, nn

from rtl_core.use.tickets_in_use import TicketsInUse


def exported_once(exported_graph: Callable[..., Any]) -> Callable[..., Any]:
    """The same function: a copy of what it gave for these tickets and contexts, whatever it is traced on."""
    known: dict[tuple[Any, ...], tuple[Any, Any]] = {}

    def exported(tickets: TicketsInUse, contexts: Sequence[str], inputs: Tensor | None, into: nn.Module | None) -> Any:
        of = (_digest(tickets), repr(tickets.usage), tickets.about and tickets.about.model_dump_json())
        key = (*of, *contexts, id(into))
        if key not in known:
            known[key] = exported_graph(tickets, contexts, inputs, into), into  # which keeps its id
        graph = known[key][0]
        copy = type(graph)()
        copy.CopyFrom(graph)
        return copy

    return exported


def _digest(tickets: TicketsInUse) -> str:
    """Of all their tensors: two that are read from one file are the same."""
    named = {"weights": tickets.weights, **tickets.dense}
    named |= {f"{k} {name}": tensor for k, one in enumerate(tickets.statistics) for name, tensor in one.items()}
    named |= {f"mask {k}": tickets.masks[k] for k in range(len(tickets.subsets))}
    digest = sha256()
    for name, tensor in named.items():
        digest.update(f"{name} {tensor.dtype} {[*tensor.shape]}".encode())
        digest.update(tensor.contiguous().numpy())
    return digest.hexdigest()
