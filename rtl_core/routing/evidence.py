"""From evidence for each context to a choice of ticket, and how sure it is."""

from typing import NamedTuple

from torch import Tensor


class Routing(NamedTuple):
    """Which ticket is taken, and how sure that is.

    Attributes:
        choice: int64 [N], of each example or batch.
        posterior: float64 [N, K], rows sum to one: how likely each context is, where all are alike likely beforehand.
    """

    choice: Tensor
    posterior: Tensor


def route(evidence: Tensor, sharpness: float, batches: Tensor | None = None) -> Routing:
    """Choose the ticket of most evidence for each example, or for each batch of examples of one context.

    The evidence of a batch is the sum over its examples, as if they were independent given the context. The first of
    equals is chosen.

    Args:
        evidence: float [N, K].
        sharpness: see ``calibration.sharpness``.
        batches: int64 [M, B], the numbers of the examples in each of M batches; None where each stands alone.
    """
    if batches is not None:
        evidence = evidence[batches].sum(1)
    posterior = (evidence.double() * sharpness).softmax(1)
    return Routing(evidence.argmax(1), posterior)
