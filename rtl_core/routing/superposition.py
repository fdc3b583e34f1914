"""Which ticket an example is for, from one network that is all tickets at once ("Supermasks in Superposition").

With weights Σₖ αₖ mₖ ⊙ θ and αₖ = 1/K, the ticket is taken whose share, increased, lowers the entropy H of the output
most: argmaxₖ −∂H/∂αₖ (Wortsman et al. 2020, "One-Shot"); or, about log₂ K times, the half of the tickets is kept for
which that is largest ("Binary").

On the digits of ``confidence`` it is far above chance and below confidence: of single examples the one-shot finds the
right ticket for .71 (one-vs-rest), .84 (clusters) and .57 (turned), where confidence does for .95, .91 and .71; of
batches of 8 for .90, 1.00 and .90. Halving, tried with one seed, finds .81 instead of .64 one-vs-rest, and about as
much as the one-shot elsewhere. One-vs-rest some digits are taken for others however large the batch (.92 with 64), and
then the posterior, which sums evidence as if examples were independent, is far too sure.
"""

from collections.abc import Sequence
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn
from torch.autograd.functional import jacobian
from torch.func import functional_call

from rtl_core.batch_statistics import own_statistics
from rtl_core.errors import SettingsError
from rtl_core.problem import Objective
from rtl_core.randomness import Stream
from rtl_core.tickets import Tickets
from rtl_core.weights import FlatWeights

PASS = 256
"""Examples that go through the superposition at once, at most."""


class Superposition:
    """K tickets at once, and the entropy of their common output.

    The authors' networks normalise by the statistics of the batch that is asked about, of one task, even where the
    entropy is that of one example. Here a superposition has statistics of its own, as each ticket has, averaged over
    examples of all contexts, so that one example alone can be asked about. They are constants for the gradient (torch's
    batch normalisation has no derivative in them), and found anew for each set of tickets that are left. The mean over
    the tickets' own statistics, which needs no example, is not what a superposition's activations have, whose weights
    are smaller than those of any ticket, and finds fewer: of single digits one-vs-rest .63 instead of .71.

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
        self._weights = FlatWeights(deepcopy(network), tickets.masks.layout.names)
        self._device = self._weights.prunable.device
        self._masks = tickets.masks.values.to(self._device, tickets.weights.dtype)
        self._theta = tickets.weights.to(self._device)
        self._dense = {name: part.to(self._device) for name, part in tickets.dense.items()}
        self._weights.load_buffers(tickets.statistics[0])
        self._objective = Objective("superposition", partial(_batches, examples), 1, _pass)
        self._stream = stream.at(draw="superposition")
        self._statistics: dict[tuple[int, ...], dict[str, Tensor]] = {}
        self._everyone = tuple(range(len(tickets.masks)))
        self.entropy(self._shares(self._everyone), examples[:1])

    def entropy(self, shares: Tensor, inputs: Tensor) -> Tensor:
        """H of the output for each example, float [N] in nats, of the superposition with shares α, float [K].

        Its statistics are those of the tickets with a share, all alike.
        """
        return self._entropy(self._statistics_of(tuple(shares.nonzero().squeeze(1).tolist())), inputs, shares)

    def evidence(self, inputs: Tensor) -> Tensor:
        """−∂H/∂αₖ at α = 1/K for each example [N, …], float64 [N, K] on the CPU: one backward pass each, whatever K.

        ``calibration.sharpness`` and ``evidence.route`` make of it a choice, and how sure it is.
        """
        return torch.stack([self.batch_evidence(example) for example in inputs.split(1)])

    def batch_evidence(self, inputs: Tensor) -> Tensor:
        """The sum of that over a batch [B, …], float64 [K], in one backward pass."""
        return -self._slopes(self._everyone, inputs).double().cpu()

    def halving(self, inputs: Tensor) -> int:
        """The ticket for one batch [B, …] of one context, after ⌊K/2⌋, ⌊K/4⌋, … of them were left.

        There is no posterior: a ticket that is out is never weighed again.
        """
        left = self._everyone
        while len(left) > 1:
            slopes = self._slopes(left, inputs)[list(left)]
            lowest = slopes.argsort(stable=True)[: len(left) // 2].tolist()
            left = tuple(left[place] for place in sorted(lowest))
        return left[0]

    def _slopes(self, left: tuple[int, ...], inputs: Tensor) -> Tensor:
        """∂H/∂αₖ, summed over a batch, float [K], where the tickets ``left`` have equal shares."""
        statistics = self._statistics_of(left)

        def entropy(shares: Tensor) -> Tensor:
            return self._entropy(statistics, inputs, shares).sum()

        slopes: Tensor = jacobian(entropy, self._shares(left))
        return slopes

    def _shares(self, left: Sequence[int]) -> Tensor:
        shares = torch.zeros(len(self._masks), dtype=self._masks.dtype, device=self._device)
        shares[list(left)] = 1 / len(left)
        return shares

    def _entropy(self, statistics: dict[str, Tensor], inputs: Tensor, shares: Tensor) -> Tensor:
        parts = self._weights.layout.split((shares @ self._masks) * self._theta)
        output = functional_call(self._weights.network, parts | self._dense | statistics, (inputs,))
        if output.ndim != 2 or output.shape[1] < 2:
            raise SettingsError(
                f"outputs: found {list(output.shape)}; allowed: [N, C] of 2 and more, to have an entropy"
            )
        log_probabilities: Tensor = output.log_softmax(1)
        return -(log_probabilities.exp() * log_probabilities).sum(1)

    def _statistics_of(self, left: tuple[int, ...]) -> dict[str, Tensor]:
        """Of the superposition in which the tickets ``left`` have equal shares."""
        if left not in self._statistics:
            flat = self._weights
            flat.load((self._shares(left) @ self._masks) * self._theta, flat.dense_layout.join(self._dense))
            statistics = own_statistics(flat, self._objective, self._stream)
            self._statistics[left] = {name: value.to(self._device) for name, value in statistics.items()}
            flat.network.eval()
        return self._statistics[left]


def _batches(examples: Tensor, generator: torch.Generator) -> Sequence[Tensor]:
    """All examples in batches of about one size, contexts mixed, so that variances are those of all together."""
    mixed = examples[torch.randperm(len(examples), generator=generator).to(examples.device)]
    return mixed.tensor_split(-(-len(examples) // PASS))


def _pass(network: nn.Module, inputs: Tensor) -> Tensor:
    outputs: Tensor = network(inputs)
    return outputs.sum()
