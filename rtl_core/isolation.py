"""How a ticket steps without moving what it does not own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from rtl_core.duration import Duration
from rtl_core.errors import SettingsError
from rtl_core.schedule import SCHEDULES, Rates
from rtl_core.weights import to_cpu

OptimizerFactory = Callable[[Sequence[nn.Parameter]], Optimizer]

OPTIMIZERS = ("adam", "adamw", "sgd")


@dataclass(frozen=True)
class OptimizerChoice:
    """Which optimizer trains, and how.

    Args:
        name: ``adam``, ``adamw`` or ``sgd``.
        learning_rate: the full rate.
        momentum: SGD's.
        weight_decay: an L2 penalty; of ``adamw``, the share of each weight that a step at rate 1 takes away.
        nesterov: whether SGD's momentum is Nesterov's.
        schedule: ``constant`` or ``cosine``, over each training.
        warmup: the first steps of each training, as '100it' or '1ep', in which the rate rises; None for none.

    Raises:
        SettingsError: a name is not known, or ``nesterov`` has no momentum to change.
    """

    name: str = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    nesterov: bool = False
    schedule: str = "constant"
    warmup: str | None = None

    def __post_init__(self) -> None:
        for key, allowed in (("name", OPTIMIZERS), ("schedule", SCHEDULES)):
            if (value := getattr(self, key)) not in allowed:
                raise SettingsError(f"optimizer.{key}: found {value!r}; allowed: {', '.join(allowed)}")
        if self.nesterov and not (self.name == "sgd" and self.momentum > 0):
            raise SettingsError("optimizer.nesterov: found True; allowed: with sgd, and momentum above 0")

    def __call__(self, parameters: Sequence[nn.Parameter]) -> Optimizer:
        rate, decay = self.learning_rate, self.weight_decay
        if self.name == "sgd":
            return SGD(parameters, lr=rate, momentum=self.momentum, weight_decay=decay, nesterov=self.nesterov)
        return (AdamW if self.name == "adamw" else Adam)(parameters, lr=rate, weight_decay=decay)


def rates_of(make_optimizer: OptimizerFactory, steps: int, batches_per_epoch: int) -> Rates:
    """The learning rate over one training with an optimizer, where an epoch has ``batches_per_epoch`` steps.

    Raises:
        SettingsError: the warm-up is as long as the training, or longer.
    """
    if not isinstance(make_optimizer, OptimizerChoice):
        return Rates(steps)
    warmup = Duration.parse(make_optimizer.warmup).iterations(batches_per_epoch) if make_optimizer.warmup else 0
    return Rates(steps, make_optimizer.schedule, warmup)


def as_at_the_beginning(make_optimizer: OptimizerFactory) -> OptimizerFactory:
    """The same optimizer for the first steps of a training that does not end: its schedule keeps the full rate."""
    if not isinstance(make_optimizer, OptimizerChoice):
        return make_optimizer
    return replace(make_optimizer, schedule="constant")


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
        self._full_rates = [group["lr"] for group in self.optimizer.param_groups]

    def scale_rate(self, factor: float) -> None:
        """Take steps at the full learning rate times a factor from now on."""
        for group, full in zip(self.optimizer.param_groups, self._full_rates, strict=True):
            group["lr"] = full * factor

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
