"""What a set of retrained tickets is, and how one of them becomes a network again."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rtl_core.batch_statistics import own_statistics
from rtl_core.description.about import About
from rtl_core.masks import Masks
from rtl_core.problem import Objective
from rtl_core.randomness import Stream
from rtl_core.weights import FlatWeights, to_cpu


@dataclass(frozen=True)
class Tickets:
    """K tickets f(x; m_k ⊙ θ) that share one weight tensor; all tensors are in the CPU's memory.

    Attributes:
        subsets: K names.
        masks: K masks over d prunable weights.
        weights: θ, float32 [d], zero outside the union of the masks.
        dense: the parameters that no mask covers, by name, shared by all tickets.
        statistics: for each ticket, the network's buffers by name (batch statistics of its own).
        about: what their file says about them; None as they come from training.
    """

    subsets: tuple[str, ...]
    masks: Masks
    weights: Tensor
    dense: dict[str, Tensor]
    statistics: tuple[dict[str, Tensor], ...]
    about: About | None = None

    def fits(self, network: nn.Module) -> bool:
        """Whether what a file of tickets holds is, by name and shape, what a network consists of."""
        held = dict(zip(self.masks.layout.names, self.masks.layout.shapes, strict=True))
        held |= {name: tuple(value.shape) for name, value in (self.dense | self.statistics[0]).items()}
        return held == {name: tuple(value.shape) for name, value in network.state_dict().items()}

    def network(self, subset: int, into: nn.Module) -> nn.Module:
        """Make a network of the right architecture ticket ``subset``, in evaluation mode, and return it."""
        parts = self.masks.layout.split(self.weights * self.masks[subset])
        into.load_state_dict(parts | self.dense | self.statistics[subset])
        return into.eval()


def finish_tickets(weights: FlatWeights, masks: Masks, objectives: Sequence[Objective], stream: Stream) -> Tickets:
    """Turn retrained weights θ into tickets: batch statistics of their own, nothing outside the union."""
    theta = to_cpu(weights.prunable)
    statistics = []
    for subset, objective in enumerate(objectives):
        weights.load(theta * masks[subset], weights.dense)
        statistics.append(own_statistics(weights, objective, stream.at(subset=objective.name)))
    dense = {name: part.clone() for name, part in weights.dense_layout.split(to_cpu(weights.dense)).items()}
    names = tuple(objective.name for objective in objectives)
    return Tickets(names, masks, theta * masks.union(), dense, tuple(statistics))


def parameter_ledger(tickets: Sequence[Tickets]) -> dict[str, float]:
    """What a method stores: one set of tickets, or several that share nothing.

    Returns:
        ``prunable`` weights of the network; ``union``, those kept over all masks (summed over sets);
        ``active_mean``, those one ticket uses; ``dense``, the parameters that no mask covers.
    """
    active = torch.cat([one.masks.active() for one in tickets])
    return {
        "prunable": tickets[0].masks.layout.size,
        "union": sum(int(one.masks.union().sum()) for one in tickets),
        "active_mean": active.double().mean().item(),
        "dense": sum(sum(part.numel() for part in one.dense.values()) for one in tickets),
    }
