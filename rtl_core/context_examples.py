"""What is asked about to find how often the context is told where it is unknown."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn


class ContextExamples(NamedTuple):
    """Examples of all K contexts in one split.

    Attributes:
        context: of each, int64 [N].
        answers: what is right of each, int64 [N]: its class or, where tickets claim, its context.
        outputs: of a ticket's network in evaluation mode, all of them: float64 [N, C], on the CPU.
        inputs: what a network is given of those with numbers int64 [M].
        untold: what IMP single's network, which is told no context, answers to all of them, int64 [N].
    """

    context: Tensor
    answers: Tensor
    outputs: Callable[[nn.Module], Tensor]
    inputs: Callable[[Tensor], Tensor]
    untold: Callable[[nn.Module], Tensor]
