"""In which ways the contexts of a ticket file can be served, and what each takes up on disk and in memory."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from rtl_core.errors import SettingsError, TicketFileError
from rtl_core.masks import Masks
from rtl_core.randomness import Stream
from rtl_core.session_memory import session_memory
from rtl_core.use.export.comparison import Session
from rtl_core.use.export.onnx_model import to_onnx
from rtl_core.use.storage import Storage
from rtl_core.use.tickets_in_use import TicketsInUse

Report = Callable[[str], None]
TICKETS, PREDICT, DENSE, NETWORKS = "tickets", "tickets, predict()", "one dense network", "K networks"
GRAPH, GRAPH_OF_ONE = "onnxruntime", "onnxruntime, one context"


@dataclass(frozen=True)
class Way:
    """One way of serving contexts, on the CPU.

    Attributes:
        contexts: the number of them that it serves.
        predict: what is said of checked inputs, [N, …], in a context.
        switch: makes another context the one that ``predict`` may be asked for; None where it may be asked for any.
        disk_bytes: of the file, or files.
        memory_bytes: of what stays in memory from call to call.
    """

    contexts: int
    predict: Callable[[Tensor, str], object]
    switch: Callable[[str], object] | None
    disk_bytes: int
    memory_bytes: int


def ways_of(
    tickets: TicketsInUse, disk_bytes: int, storage: Storage, inputs: Tensor, report: Report
) -> tuple[dict[str, Way], dict[str, str]]:
    """All ways in which tickets can be served.

    Args:
        tickets: on the CPU, from a file that says how it is used.
        disk_bytes: of that file.
        storage: of the tickets.
        inputs: one example, [1, …], on which onnxruntime's memory is measured.
        report: is told what is made next.

    Returns:
        The ways by name, and for each name that is not among them one line that says why.

    Raises:
        TicketFileError: the file does not say what network it is of, or names one that is not allowed.
    """
    first, count = tickets.contexts[0], len(tickets.contexts)
    network = tickets.context(first)
    held = [tickets.weights, tickets.masks.values, *tickets.dense.values()]
    held += [value for own in tickets.statistics for value in own.values()] + _tensors_of(network)
    switch = (lambda name: tickets.switch(network, name)) if tickets.needs_context else None
    of_tickets = Way(
        count, lambda values, name: tickets.answered(network, values, name), switch, disk_bytes, bytes_of(held)
    )
    ways = {TICKETS: of_tickets, PREDICT: replace(of_tickets, predict=tickets.predict, switch=None)}
    ways[DENSE] = _dense_network(tickets, storage)
    absent = {}
    if len(tickets.subsets) > 1:
        ways[NETWORKS] = _networks(tickets, storage)
    else:
        absent[NETWORKS] = "the file holds one network"
    try:
        report("making a graph for onnxruntime")
        ways[GRAPH] = _graph(tickets, None, inputs)
        if tickets.needs_context:
            report("making a graph of one context")
            ways[GRAPH_OF_ONE] = _graph(tickets, first, inputs)
        else:
            absent[GRAPH_OF_ONE] = "one network is the same in all contexts"
    except (SettingsError, TicketFileError) as problem:
        absent |= {name: str(problem) for name in (GRAPH, GRAPH_OF_ONE) if name not in ways}
    return ways, absent


def bytes_of(tensors: Iterable[Tensor]) -> int:
    """Bytes of the memory that tensors lie in; what several share counts once."""
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())


def _dense_network(tickets: TicketsInUse, storage: Storage) -> Way:
    """A network of the same architecture without a zero: where no ticket has a weight, one is drawn."""
    layout, union = tickets.masks.layout, tickets.masks.union()
    drawn = torch.randn(layout.size, generator=Stream(0).at(draw="weights of a dense network").generator())
    filled = torch.where(union, tickets.weights, drawn * tickets.weights.std(correction=0))
    whole = Masks(layout, torch.ones_like(tickets.masks.values))
    network = replace(tickets, masks=whole, weights=filled).context(tickets.contexts[0])
    return Way(
        1,
        lambda values, name: tickets.answered(network, values, name),
        None,
        storage.dense_network,
        bytes_of(_tensors_of(network)),
    )


def _networks(tickets: TicketsInUse, storage: Storage) -> Way:
    networks = {name: tickets.context(name) for name in tickets.contexts}
    chosen = {"network": networks[tickets.contexts[0]]}
    held = [tensor for network in networks.values() for tensor in _tensors_of(network)]
    return Way(
        len(networks),
        lambda values, name: tickets.answered(chosen["network"], values, name),
        lambda name: chosen.update(network=networks[name]),
        storage.dense_networks,
        bytes_of(held),
    )


def _graph(tickets: TicketsInUse, context: str | None, inputs: Tensor) -> Way:
    exported = to_onnx(tickets, context)
    contexts = exported.contexts
    session = Session(exported.model, contexts)
    memory = session_memory(exported.model, inputs)
    return Way(len(contexts), session.run, None, len(exported.model), memory)


def _tensors_of(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]
