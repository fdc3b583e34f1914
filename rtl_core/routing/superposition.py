"""Which ticket an example is for, from one network that is all tickets at once ("Supermasks in Superposition").

With weights Σₖ αₖ mₖ ⊙ θ and αₖ = 1/K, the ticket is taken whose share, increased, lowers the entropy H of the output
most: argmaxₖ −∂H/∂αₖ (Wortsman et al. 2020, "One-Shot").
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call

from rtl_core.batch_statistics import own_statistics
from rtl_core.errors import SettingsError
from rtl_core.precision import products_in
from rtl_core.problem import Objective
from rtl_core.randomness import Stream
from rtl_core.tickets import Tickets
from rtl_core.weights import FlatWeights

PASS = 256
"""Examples that go through the superposition at once, at most, where its statistics are found."""


class Superposition:
    """K tickets at once, and the entropy of their common output.

    The authors' networks normalise by the statistics of the batch that is asked about, of one task, even where the
    entropy is that of one example. Here a superposition has statistics of its own, as each ticket has, averaged over
    examples of all contexts, so that one example alone can be asked about. They are constants for the gradient (torch's
    batch normalisation has no derivative in them). The mean over the tickets' own statistics, which needs no example,
    is not what a superposition's activations have, whose weights are smaller than those of any ticket.

    Entropy is that of the softmax over all C outputs. One-vs-rest, K outputs are logits of K yes-or-no questions, of
    which each ticket answers one: their softmax is no probability that anything was trained to give, and entropy only
    measures how much one output stands out.

    In memory there are K times the prunable weights: masks are held as floats.

    Args:
        tickets: K tickets with outputs of C classes or, one-vs-rest, K outputs.
        network: of the right architecture; it is copied.
        examples: inputs [N, …] of all contexts, without labels, such as the validation split's.
        stream: where their order is drawn from.

    Raises:
        SettingsError: the output is not [N, C] with C of 2 and more.
    """

    def __init__(self, tickets: Tickets, network: nn.Module, examples: Tensor, stream: Stream) -> None:
        flat = FlatWeights(deepcopy(network), tickets.masks.layout.names)
        device = flat.prunable.device
        self._layout = flat.layout
        self._masks = tickets.masks.values.to(device, tickets.weights.dtype)
        self._theta = tickets.weights.to(device)
        self._dense = {name: part.to(device) for name, part in tickets.dense.items()}
        self._shares = torch.full((len(self._masks),), 1 / len(self._masks), dtype=self._masks.dtype, device=device)
        flat.load_buffers(tickets.statistics[0])
        with products_in("float32", device):
            theta = (self._shares @ self._masks) * self._theta
        flat.load(theta, flat.dense_layout.join(self._dense))
        objective = Objective("superposition", partial(_batches, examples), 1, _pass)
        found = own_statistics(flat, objective, stream.at(draw="superposition"))
        self._statistics = {name: value.to(device) for name, value in found.items()}
        self._network = flat.network.eval()
        self.entropy(self._shares, examples[:1])

    def entropy(self, shares: Tensor, inputs: Tensor) -> Tensor:
        """H of the output for each example, float [N] in nats, of the superposition with shares α, float [K].

        Its statistics are those of equal shares.
        """
        with products_in("float32", self._theta.device):
            parts = self._layout.split((shares @ self._masks) * self._theta)
            output = functional_call(self._network, parts | self._dense | self._statistics, (inputs,))
        if output.ndim != 2 or output.shape[1] < 2:
            raise SettingsError(
                f"outputs: found {list(output.shape)}; allowed: [N, C] of 2 and more, to have an entropy"
            )
        log_probabilities: Tensor = output.log_softmax(1)
        return -(log_probabilities.exp() * log_probabilities).sum(1)

    def evidence(self, batches: Iterable[Tensor]) -> Tensor:
        """−∂H/∂αₖ at α = 1/K, summed over the examples of each of M batches [B, …]: float64 [M, K] on the CPU.

        It takes one backward pass a batch, whatever K; ``evidence.route`` makes a choice of it.
        """
        return torch.stack([self._falls(batch) for batch in batches])

    def _falls(self, inputs: Tensor) -> Tensor:
        shares = self._shares.clone().requires_grad_()
        with products_in("float32", self._theta.device):
            (slopes,) = torch.autograd.grad(self.entropy(shares, inputs).sum(), shares)
        return -slopes.double().cpu()


def _batches(examples: Tensor, generator: torch.Generator) -> Sequence[Tensor]:
    """All examples in batches of about one size, contexts mixed, so that variances are those of all together."""
    mixed = examples[torch.randperm(len(examples), generator=generator).to(examples.device)]
    return mixed.tensor_split(-(-len(examples) // PASS))


def _pass(network: nn.Module, inputs: Tensor) -> Tensor:
    outputs: Tensor = network(inputs)
    return outputs.sum()
