"""What tickets take up on disk, beside what they stand for."""

from dataclasses import replace
from typing import NamedTuple

from safetensors.torch import save

from rtl_core.ticket_file import tickets_to_bytes
from rtl_core.tickets import Tickets


class Storage(NamedTuple):
    """Bytes of files: the K tickets, one dense network, K of them, and K ticket files of one ticket each."""

    tickets: int
    dense_network: int
    dense_networks: int
    pruned_networks: int


def storage_of(tickets: Tickets) -> Storage:
    """What a ticket file takes up, what it says about itself apart, and what networks of the same architecture do.

    Dense networks are files of safetensors in the precision of the tickets.
    """
    bare = replace(tickets, about=None)
    count = len(tickets.subsets)
    network = save(tickets.masks.layout.split(tickets.weights) | tickets.dense | tickets.statistics[0])
    alone = [
        replace(
            bare,
            subsets=(name,),
            masks=tickets.masks.select([k]),
            weights=tickets.weights * tickets.masks[k],
            statistics=(tickets.statistics[k],),
        )
        for k, name in enumerate(tickets.subsets)
    ]
    return Storage(
        len(tickets_to_bytes(bare)),
        len(network),
        count * len(network),
        sum(len(tickets_to_bytes(one)) for one in alone),
    )
