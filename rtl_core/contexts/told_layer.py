"""How one network is told the context: a one-hot vector beside what its first layer takes in."""

from typing import Any

import torch
from torch import Tensor, nn

from rtl_core.errors import SettingsError

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d


def first_layer(network: nn.Module, inputs: Tensor) -> str:
    """The name of the layer with weights that inputs [N, …] reach first.

    Raises:
        SettingsError: it is none that can take in more: a linear layer, or a convolution in one group.
    """
    reached: list[tuple[str, Any]] = []

    def watch(name: str) -> Any:
        return lambda layer, arguments: reached.append((name, arguments[0] if arguments else None))

    layers = [(name, layer) for name, layer in network.named_modules() if [*layer.parameters(recurse=False)]]
    hooks = [layer.register_forward_pre_hook(watch(name)) for name, layer in layers]
    try:
        network(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    if not reached:
        raise SettingsError("told: inputs reach no layer with weights; allowed: told='no'")
    name, taken = reached[0]
    layer = network.get_submodule(name)
    is_wide = isinstance(layer, nn.Linear) or (isinstance(layer, Convolution) and layer.groups == 1)
    if not is_wide or not isinstance(taken, Tensor) or len(taken) != len(inputs):
        raise SettingsError(
            f"told: the first layer that inputs reach is {name or 'the network'} ({type(layer).__name__}); "
            "allowed: a linear layer or a convolution in one group, one row an example; or told='no'"
        )
    return name


@torch.no_grad()
def widened(network: nn.Module, name: str, contexts: int) -> nn.Module:
    """The network, its layer ``name`` taking in ``contexts`` more features or channels, which ``tell`` says.

    What it had for its inputs stays; the weights of the rest are drawn as the layer draws its own.
    """
    layer: Any = network.get_submodule(name)
    was, bias = layer.weight, layer.bias
    inputs = was.shape[1]
    layer.weight = nn.Parameter(was.new_empty(was.shape[0], inputs + contexts, *was.shape[2:]))
    layer.bias = None if bias is None else nn.Parameter(bias.clone())
    layer.reset_parameters()
    layer.weight[:, :inputs] = was
    if bias is not None:
        layer.bias.copy_(bias)
    setattr(layer, "in_features" if isinstance(layer, nn.Linear) else "in_channels", inputs + contexts)
    layer.told = None
    layer.register_forward_pre_hook(_append)
    return network


def tell(network: nn.Module, name: str, told: Tensor) -> None:
    """Say of which context the examples of the next pass are: float [K] of all of them, or [N, K]."""
    network.get_submodule(name).told = told


def _append(layer: Any, arguments: tuple[Tensor, ...]) -> Tensor:
    """The layer's input and, behind its features or channels, what it was told."""
    values, told = arguments[0], layer.told
    if told is None:
        raise SettingsError("this network is to be told the context before it is run: problem.tell(network, context)")
    shape = [-1 if told.ndim > 1 else 1] + [1] * (values.ndim - 2)
    if isinstance(layer, nn.Linear):
        return torch.cat([values, told.view(*shape, told.shape[-1]).expand(*values.shape[:-1], -1)], dim=-1)
    told = told.view(shape[0], told.shape[-1], *shape[1:])
    return torch.cat([values, told.expand(values.shape[0], -1, *values.shape[2:])], dim=1)
