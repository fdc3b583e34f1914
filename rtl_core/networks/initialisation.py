"""How θ₀ is drawn: every weight from one generator, by the rule of its layer."""

import math

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from rtl_core.implicit_draws import drawn_from


@torch.no_grad()
def initialise(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """Draw the parameters of a network from a generator, in the order of its modules, and return it.

    Convolutions: Kaiming normal for ReLU, fan-in (He et al. 2015), bias 0; of a transposed one, fan-in is the number
    of inputs that reach an output, on average over its strides. Linear layers: torch's default,
    uniform within 1 / sqrt(inputs). Batch normalisation: scale 1, shift 0. Layers of any other kind: by their own
    ``reset_parameters`` (or ``_reset_parameters``), after all of these and after the layers inside them. What a module
    without either holds itself, such as a class token, keeps the value that its constructor gave it.
    """
    others = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.ConvTranspose2d):
            reaching = module.weight[:, 0].numel() / math.prod(module.stride)
            nn.init.normal_(module.weight, 0, math.sqrt(2 / reaching), generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            nn.init.uniform_(module.weight, -bound, bound, generator=generator)
            if module.bias is not None:
                nn.init.uniform_(module.bias, -bound, bound, generator=generator)
        elif isinstance(module, _BatchNorm):
            module.reset_parameters()
        elif next(module.parameters(recurse=False), None) is not None:
            others.append(module)
    for module in reversed(others):
        _reset(module, generator)
    return network


def _reset(module: nn.Module, generator: torch.Generator) -> None:
    own = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
    if own is not None:
        with drawn_from(generator):
            own()
