"""The problem that params.yaml names: put your network, your data, your loss and your metrics in the place of these."""

import torch
from torch import Tensor, nn

from rtl_core import ContextProblem, Measure


def examples(count: int, seed: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Inputs and targets by context; the same at every call, for what is drawn here would otherwise train anew."""
    x = 6 * torch.rand(count, 1, generator=torch.Generator().manual_seed(seed)) - 3
    return {"sine": (x, x.sin()), "cosine": (x, x.cos()), "parabola": (x, x.square() / 9)}


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))


def absolute_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).abs().mean()


curves = ContextProblem(
    network,
    train=examples(512, seed=0),
    test=examples(256, seed=1),
    loss=nn.functional.mse_loss,
    metrics={"absolute_error": Measure(absolute_error, higher_is_better=False)},
    batch_size=32,
)
