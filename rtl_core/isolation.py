"""How a ticket steps without moving what it does not own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from rtl_core.weights import to_cpu

OptimizerFactory = Callable[[Sequence[nn.Parameter]], Optimizer]


@dataclass(frozen=True)
class OptimizerChoice:
    """Which optimizer trains, and how: ``adam`` or ``sgd`` (``momentum`` is SGD's alone)."""

    name: str = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0

    def __call__(self, parameters: Sequence[nn.Parameter]) -> Optimizer:
        if self.name == "sgd":
            return SGD(parameters, lr=self.learning_rate, momentum=self.momentum, weight_decay=self.weight_decay)
        return Adam(parameters, lr=self.learning_rate, weight_decay=self.weight_decay)


class TicketOptimizer:
    """An optimizer over the weights inside one mask, and over the dense parameters.

    It keeps a compact copy of the ticket's own weights, so that a weight outside the mask has neither
    gradient nor moments here: no optimizer, whatever its momentum or decay, can move it. Masking gradients
    alone would not do: moments left by other tickets, and weight decay, move weights whose gradient is zero.

    Args:
        make: builds a torch optimizer over parameters.
        mask: the weights that may move, bool [d].
        weights: the vector that steps are written into, float [d]; perhaps shared with other tickets.
        dense: the dense parameters, float [e]; perhaps shared likewise.
    """

    def __init__(self, make: OptimizerFactory, mask: Tensor, weights: Tensor, dense: nn.Parameter) -> None:
        self.index = mask.to(weights.device).nonzero().squeeze(1)
        self.weights = weights.detach()
        self.own = nn.Parameter(self.weights[self.index])
        self.dense = dense
        self.optimizer = make([self.own, dense])

    @torch.no_grad()
    def step(self, gradient: Tensor, dense_gradient: Tensor) -> None:
        """One step from the gradients of the prunable weights [d] and of the dense parameters [e]."""
        torch.index_select(self.weights, 0, self.index, out=self.own.data)
        self.own.grad = gradient[self.index]
        self.dense.grad = dense_gradient
        self.optimizer.step()
        self.weights.index_copy_(0, self.index, self.own.data)

    def moments(self) -> dict[str, Tensor]:
        """The optimizer's state by name, copied; that of the prunable weights spread out to [d], zero elsewhere."""
        state: dict[str, Tensor] = {}
        for owner, parameter in (("prunable", self.own), ("dense", self.dense)):
            for key, value in self.optimizer.state[parameter].items():
                if owner == "prunable" and value.shape == self.own.shape:
                    value = torch.zeros_like(self.weights).index_copy_(0, self.index, value)
                state[f"{owner}.{key}"] = to_cpu(value)
        return state

    def restore(self, moments: dict[str, Tensor]) -> None:
        """Take up what ``moments`` gave, under this mask (which may have shrunk since)."""
        for owner, parameter in (("prunable", self.own), ("dense", self.dense)):
            for name, value in moments.items():
                if name.startswith(f"{owner}."):
                    spread = owner == "prunable" and value.shape == self.weights.shape
                    on = value.to(parameter.device) if value.ndim else value  # Adam counts its steps on the CPU
                    kept = on[self.index] if spread else on.clone()
                    self.optimizer.state[parameter][name.partition(".")[2]] = kept
