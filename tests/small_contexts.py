"""A regression in three contexts that takes no time."""

import torch
import torch.nn.functional as F
from torch import nn
from torchmetrics.regression import MeanSquaredError

from rtl_core import ContextProblem

NAMES = ("north", "south", "west")


def mlp(inputs=3, outputs=1):
    return nn.Sequential(nn.Linear(inputs, 8), nn.ReLU(), nn.Linear(8, outputs))


def tensors(k, count=10, inputs=3):
    x = torch.randn(count, inputs, generator=torch.Generator().manual_seed(k))
    return x, x.sum(1, keepdim=True) * k


def regression(network=mlp, **changes):
    settings = dict(
        train={name: tensors(k, 10 + k) for k, name in enumerate(NAMES)},
        test={name: tensors(10 + k) for k, name in enumerate(NAMES)},
        loss=F.mse_loss,
        metrics={"rmse": MeanSquaredError(squared=False)},
        batch_size=4,
    )
    return ContextProblem(network, **(settings | changes))
