"""The plain way to train and score a ticket: what speed is measured against, and what results must equal.

One ticket at a time, eager, contiguous images from a DataLoader, weight × mask in each forward pass (torch's own
``prune``), the optimizer over the network's separate tensors.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import nn
from torch.nn.utils import prune
from torch.optim import Optimizer
from torch.utils.data import DataLoader, TensorDataset

from rtl_core.construction import new_network
from rtl_core.masks import Masks
from rtl_core.networks import as_published
from rtl_core.problem import Batch, Objective, Problem
from rtl_core.randomness import Stream


def plain_ticket(problem: Problem, masks: Masks, subset: int, stream: Stream) -> nn.Module:
    """A network at θ₀ that multiplies its weights by mask m_k whenever it is called."""
    network = as_published(new_network(problem, stream))
    device = next(network.parameters()).device
    for name, mask in masks.layout.split(masks[subset].to(device)).items():
        module, _, parameter = name.rpartition(".")
        prune.custom_from_mask(network.get_submodule(module), parameter, mask)
    return network.train()


def plain_batches(batch: Batch) -> Iterator[Batch]:
    """A batch again and again: inputs and targets [N, …] from a DataLoader, and what is the ticket's, as it is."""
    loader = DataLoader(TensorDataset(*(part.contiguous() for part in batch[:2])), batch_size=len(batch[0]))
    while True:
        for loaded in loader:
            yield *loaded, *batch[2:]


def plain_training(network: nn.Module, optimizer: Optimizer, objective: Objective, batches: Iterable[Batch]) -> None:
    """One optimizer step a batch."""
    for batch in batches:
        optimizer.zero_grad()
        objective.loss(network, batch).backward()
        optimizer.step()


@torch.no_grad()
def plain_scoring(network: nn.Module, objective: Objective, batches: Iterable[Batch]) -> None:
    """The loss of each batch, in evaluation mode."""
    network.eval()
    for batch in batches:
        objective.loss(network, batch)
