"""What K tickets say of the same examples, and of which outputs the context can be told."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from rtl_core.errors import DataError, SettingsError

CLASSES, OWN = "classes", "own"
"""What outputs may mean: C classes that each ticket tells apart, or, one-vs-rest, in output k of ticket k, that an
example is its own."""
OFFERED = (CLASSES, OWN)
EVALUATION_BATCH = 256


def check_offered(meaning: str) -> None:
    """Refuse outputs that do not say how sure a ticket is, such as a colour, a spectrum or another quantity.

    The error of a quantity is known only beside its target; how large or smooth it is tells of the example, not of the
    ticket.

    Raises:
        SettingsError: the context cannot be told of such outputs.
    """
    if meaning not in OFFERED:
        raise SettingsError(
            f"context: telling it from outputs is not offered where these are {meaning!r}, which do not say how sure "
            f"a ticket is; allowed: {', '.join(OFFERED)}"
        )


@torch.no_grad()
def outputs_of(networks: Iterable[nn.Module], inputs: Tensor) -> Tensor:
    """The outputs of K networks in evaluation mode, for inputs [N, …]: float64 [N, K, C], on the CPU.

    They are asked one after another, and may be one that is filled anew for each ticket:
    ``(tickets.network(k, network) for k in range(K))``.
    """
    parts = inputs.split(EVALUATION_BATCH)
    return torch.stack([torch.cat([network(part).double().cpu() for part in parts]) for network in networks], dim=1)


def only_classes(outputs: Tensor, classes: Sequence[Tensor]) -> Tensor:
    """Outputs float [N, K, C] where ticket k tells apart ``classes[k]``, int64, alone: minus infinity elsewhere.

    Raises:
        SettingsError: a ticket has fewer than two classes, so that it is always sure.
    """
    kept = outputs.new_full(outputs.shape[1:], -torch.inf)
    for k, own in enumerate(classes):
        if len(own) < 2:
            raise SettingsError(f"classes of ticket {k}: found {len(own)}; allowed: 2 and more, to be told apart")
        kept[k, own] = 0
    return outputs + kept


def check_outputs(outputs: Tensor, meaning: str) -> None:
    """Refuse outputs that are no float [N, K, C] of at least two tickets and two outputs, or not a number.

    Raises:
        SettingsError: the shape is another.
        DataError: an output is not a number.
    """
    shape = list(outputs.shape)
    if outputs.ndim != 3 or min(shape[1:]) < 2 or (meaning == OWN and shape[1] != shape[2]):
        wanted = "[N, K, K]" if meaning == OWN else "[N, K, C]"
        raise SettingsError(f"outputs: found {shape}; allowed: {wanted} of 2 and more tickets and outputs")
    if outputs.isnan().any():
        raise DataError("outputs: found one that is not a number; allowed: numbers")
