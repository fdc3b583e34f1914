"""Which batch-normalisation statistics a ticket is evaluated with: its own, from its own training data."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from rtl_core.captured_statistics import captured_statistics
from rtl_core.captured_training import network_can_be_captured
from rtl_core.dropout import nothing_dropped
from rtl_core.masks import Masks
from rtl_core.precision import products_in
from rtl_core.problem import Batch, Objective
from rtl_core.randomness import Stream
from rtl_core.weights import FlatWeights


def own_statistics(weights: FlatWeights, objective: Objective, stream: Stream) -> dict[str, Tensor]:
    """The buffers of a network after one epoch of a ticket's own training batches, by name.

    Batch-normalisation layers average over the whole epoch, starting afresh; nothing is trained. Nothing is dropped
    either: what they then average over is what they are given in evaluation. A network without such layers gives its
    buffers as they are. ``weights`` hold m_k ⊙ θ and are left as they were, buffers apart.
    """
    if _layers(weights.network) and network_can_be_captured(weights):
        return captured_statistics(weights, objective, _batches(objective, stream))
    with _averaging_afresh(weights.network) as layers:
        if layers:
            _pass_over(weights, objective, stream)
    return weights.buffers()


def shared_statistics(
    weights: FlatWeights, theta: Tensor, dense: Tensor, masks: Masks, objectives: Sequence[Objective], stream: Stream
) -> dict[str, Tensor]:
    """The buffers after one epoch of each ticket in turn, averaged over all: the ablation of ``own_statistics``.

    Args:
        weights: a network of the right architecture; used up.
        theta: θ, float [d].
        dense: the dense parameters, float [e].
        masks: the K masks.
        objectives: whose batches each ticket sees.
        stream: where their order is drawn from.
    """
    with _averaging_afresh(weights.network) as layers:
        for subset, objective in enumerate(objectives if layers else ()):
            weights.load(theta * masks[subset], dense)
            _pass_over(weights, objective, stream.at(subset=objective.name))
    return weights.buffers()


@contextmanager
def _averaging_afresh(network: nn.Module) -> Iterator[list[_BatchNorm]]:
    layers = _layers(network)
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
    hooks = [layer.register_forward_pre_hook(_cumulative(count(1))) for layer in layers]
    yield layers
    for layer, hook, momentum in zip(layers, hooks, momenta, strict=True):
        hook.remove()
        layer.momentum = momentum


def _layers(network: nn.Module) -> list[_BatchNorm]:
    return [module for module in network.modules() if isinstance(module, _BatchNorm)]


def _cumulative(passes: Iterator[int]) -> Callable[[_BatchNorm, object], None]:
    """Lets a layer average over all passes, as without a momentum it would: but that asks the device for their number,
    and waits.
    """

    def hook(layer: _BatchNorm, _inputs: object) -> None:
        if layer.training:
            layer.momentum = 1 / next(passes)

    return hook


@torch.no_grad()
def _pass_over(weights: FlatWeights, objective: Objective, stream: Stream) -> None:
    weights.network.train()
    with nothing_dropped(weights.network), products_in("float32", weights.prunable.device):
        for batch in _batches(objective, stream):
            objective.loss(weights.network, batch)


def _batches(objective: Objective, stream: Stream) -> Iterable[Batch]:
    return objective.batches(stream.at(draw="statistics").generator())
