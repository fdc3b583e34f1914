"""How a graph has the weights of its network: those of one context as they are, or of several, told apart by masks."""

import torch
from torch import Tensor, nn

from rtl_core.packing import packed_bits
from rtl_core.tickets import Tickets
from rtl_core.use.export.named_tensors import named_tensors, tensors_of


class OneTicket(nn.Module):
    """All tensors of a network of one ticket, its masked weights among them, zeros and all."""

    def __init__(self, tickets: Tickets, subset: int) -> None:
        super().__init__()
        own = tickets.masks.layout.split(tickets.weights * tickets.masks[subset])
        self.weights = named_tensors(own | tickets.dense)
        self.statistics = named_tensors(tickets.statistics[subset])

    def forward(self, context: Tensor | None) -> dict[str, Tensor]:
        """The tensors by name, whatever the context."""
        return tensors_of(self.weights) | tensors_of(self.statistics)


class SeveralTickets(nn.Module):
    """The weights of the union, once, and of each ticket a bit for each of them and its batch statistics.

    Bits are in bytes, least significant first: ``union`` uint8 [ceil(d / 8)], ``masks`` uint8 [K, ceil(u / 8)] over the
    u weights of the union.
    """

    def __init__(self, tickets: Tickets) -> None:
        super().__init__()
        union = tickets.masks.union()
        self.layout, self.size = tickets.masks.layout, int(union.sum())
        self.weights = named_tensors({"union": tickets.weights[union]} | tickets.dense)
        self.register_buffer("masks", torch.from_numpy(packed_bits(tickets.masks.values[:, union].numpy())))
        self.register_buffer("union", torch.from_numpy(packed_bits(union.numpy())))
        self.register_buffer("bits", 2 ** torch.arange(8, dtype=torch.uint8))
        first, *others = tickets.statistics
        alike = {name: all(torch.equal(value, other[name]) for other in others) for name, value in first.items()}
        self.buffers_alike = named_tensors({name: value for name, value in first.items() if alike[name]})
        self.statistics = named_tensors(
            {name: torch.stack([own[name] for own in tickets.statistics]) for name in first if not alike[name]}
        )

    def forward(self, context: Tensor) -> dict[str, Tensor]:
        """The tensors of the network of a context, int64 [1], by name."""
        weights = tensors_of(self.weights)
        theta = weights.pop("union")
        own = self._unpacked(row_of(self.masks, context), self.size)  # type: ignore[arg-type]
        kept = torch.cat([theta.new_zeros(1), theta * own.float()])  # the zero of all outside the union
        in_union = self._unpacked(self.union, self.layout.size).to(torch.int32)  # type: ignore[arg-type]
        places = in_union.cumsum(0, dtype=torch.int32) * in_union
        statistics = {name: row_of(value, context) for name, value in tensors_of(self.statistics).items()}
        flat = kept.index_select(0, places)
        return self.layout.split(flat) | weights | tensors_of(self.buffers_alike) | statistics

    def _unpacked(self, packed: Tensor, count: int) -> Tensor:
        return (packed[:, None] & self.bits).bool().flatten()[:count]  # type: ignore[operator]


def row_of(table: Tensor, context: Tensor | None) -> Tensor:
    """The row of a context, int64 [1], or the only one."""
    return table[0] if context is None else table.index_select(0, context)[0]
