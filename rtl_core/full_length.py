"""A ticket's optimizer in full length: every state is a tensor of fixed shape, as a CUDA graph needs it."""

import math

import torch
from torch import Tensor

from rtl_core.isolation import OptimizerChoice
from rtl_core.weights import to_cpu

BETAS, EPSILON = (0.9, 0.999), 1e-8
"""Adam's, as torch has them by default."""


class FullLengthOptimizer:
    """What ``TicketOptimizer`` does without its compact index: steps over all d weights, of which a mask moves some.

    A weight outside the mask keeps every bit: it has neither gradient nor moments, and what a step would give it is
    not taken. Inside, steps are those of torch's optimizers. No number of a step is Python's own, so that a captured
    step serves every mask, round and learning rate.

    Args:
        choice: which optimizer, and its constants.
        weights: the vector that steps are written into, float [d].
        dense: the dense parameters, float [e], which no mask covers.
    """

    def __init__(self, choice: OptimizerChoice, weights: Tensor, dense: Tensor) -> None:
        self.choice, self.weights, self.dense = choice, weights.detach(), dense.detach()
        self.mask = torch.ones_like(self.weights, dtype=torch.bool)
        self.taken = torch.zeros((), dtype=torch.float64, device=weights.device)
        self.learning_rate = torch.full_like(self.taken, choice.learning_rate)
        self._factor = 1.0
        of_sgd = ("momentum_buffer",) if choice.momentum else ()
        names = of_sgd if choice.name == "sgd" else ("exp_avg", "exp_avg_sq")
        self.states = [{name: torch.zeros_like(part) for name in names} for part in (self.weights, self.dense)]

    @torch.no_grad()
    def begin(self, mask: Tensor, moments: dict[str, Tensor]) -> None:
        """Take up a mask, bool [d], and what ``moments`` gave under it or a larger one; nothing is a new start."""
        self.mask.copy_(mask)
        self.taken.fill_(moments.get("dense.step", torch.tensor(0.0)).item())
        self.scale_rate(1.0)
        for owner, state in zip(("prunable", "dense"), self.states, strict=True):
            for name, value in state.items():
                kept = moments.get(f"{owner}.{name}")
                value.zero_() if kept is None else value.copy_(kept)
        for value in self.states[0].values():
            value.mul_(self.mask)

    def scale_rate(self, factor: float) -> None:
        """Take steps at the full learning rate times a factor from now on."""
        if factor != self._factor:
            self._factor = factor
            self.learning_rate.fill_(self.choice.learning_rate * factor)

    @torch.no_grad()
    def step(self, gradient: Tensor, dense_gradient: Tensor) -> None:
        """One step from the gradients of the prunable weights [d] and of the dense parameters [e]."""
        self.taken += 1
        masked = gradient * self.mask
        own = self.weights * self.mask
        self.weights.copy_(torch.where(self.mask, self._moved(own, masked, self.states[0]), self.weights))
        self.dense.copy_(self._moved(self.dense, dense_gradient, self.states[1]))

    def moments(self) -> dict[str, Tensor]:
        """The state by name, as ``TicketOptimizer.moments`` gives it."""
        state: dict[str, Tensor] = {}
        for owner, values in zip(("prunable", "dense"), self.states, strict=True):
            if self.choice.name != "sgd":
                state[f"{owner}.step"] = self.taken.float().cpu()
            state |= {f"{owner}.{name}": to_cpu(value) for name, value in values.items()}
        return state

    def _moved(self, values: Tensor, gradient: Tensor, state: dict[str, Tensor]) -> Tensor:
        choice, rate = self.choice, self.learning_rate
        if choice.weight_decay and choice.name == "adamw":
            values = values * (1 - rate * choice.weight_decay).float()
        elif choice.weight_decay:
            gradient = gradient.add(values, alpha=choice.weight_decay)
        if choice.name == "sgd" and not choice.momentum:
            return values - rate.float() * gradient
        if choice.name == "sgd":
            buffer = state["momentum_buffer"].mul_(choice.momentum).add_(gradient)
            direction = gradient.add(buffer, alpha=choice.momentum) if choice.nesterov else buffer
            return values - rate.float() * direction
        first, second = BETAS
        mean = state["exp_avg"].lerp_(gradient, 1 - first)
        square = state["exp_avg_sq"].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        size = rate / -torch.expm1(self.taken * math.log(first))
        scale = (-torch.expm1(self.taken * math.log(second))).sqrt().float()
        return values - size.float() * mean / (square.sqrt() / scale + EPSILON)
