"""Which batch-normalisation statistics a ticket is evaluated with: its own, from its own training data."""

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from rtl_core.problem import Objective
from rtl_core.randomness import Stream
from rtl_core.weights import FlatWeights


@torch.no_grad()
def own_statistics(weights: FlatWeights, objective: Objective, stream: Stream) -> dict[str, Tensor]:
    """The buffers of a network after one epoch of a ticket's own training batches, by name.

    Batch-normalisation layers average over the whole epoch, starting afresh; nothing is trained. A network
    without such layers gives its buffers as they are. ``weights`` hold m_k ⊙ θ and are left as they were,
    buffers apart.
    """
    layers = [module for module in weights.network.modules() if isinstance(module, _BatchNorm)]
    if layers:
        momenta = [layer.momentum for layer in layers]
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # a cumulative average
        weights.network.train()
        for batch in objective.batches(stream.at(draw="statistics").generator()):
            objective.loss(weights.network, batch)
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
    return weights.buffers()
