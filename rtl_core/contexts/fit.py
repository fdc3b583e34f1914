"""Whether a network, a loss and the examples fit together, before anything is trained."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from rtl_core.contexts.examples import Examples, described
from rtl_core.errors import SettingsError, reason_of

Loss = Callable[[Any, Tensor], Tensor]
TRIED = 8
"""Examples of each context and split that are put through the network."""


@torch.no_grad()
def check_fit(
    network: nn.Module, loss: Loss, splits: Mapping[str, Examples], contexts: tuple[str, ...]
) -> tuple[int, ...]:
    """Check the outputs for, and the loss on, a few examples of each context in each split.

    Args:
        network: untrained, in evaluation mode.
        loss: mean over examples, of outputs and targets.
        splits: the examples.
        contexts: K names.

    Returns:
        The shape of the outputs for one example.

    Raises:
        SettingsError: the network does not take the inputs, its outputs do not fit the targets, or the loss is no mean.
    """
    for split, examples in splits.items():
        for k, name in enumerate(contexts):
            inputs, targets = examples.of(k)
            where = f"{split}, context {name!r}"
            try:
                outputs = network(inputs[:TRIED])
            except Exception as problem:  # whatever a user's code raises
                _refuse(f"{where}: the network does not take inputs {described(inputs[:TRIED])}", problem)
            if not isinstance(outputs, Tensor) or not outputs.ndim or len(outputs) != len(inputs[:TRIED]):
                given = described(outputs) if isinstance(outputs, Tensor) else f"a {type(outputs).__name__}"
                raise SettingsError(
                    f"{where}: the network's outputs are {given}; allowed: a tensor, one row an example"
                )
            _check_classes(loss, outputs, targets, where)
            _check_loss(loss, outputs, targets[:TRIED].to(outputs.device), where)
            shape = tuple(outputs.shape[1:])
    return shape


def _check_classes(loss: Loss, outputs: Tensor, targets: Tensor, where: str) -> None:
    """Numbers of classes, where targets are such, are looked at in all examples."""
    if targets.dtype != torch.int64 or outputs.ndim != targets.ndim + 1:
        return
    classes = outputs.shape[1]
    outside = ((targets < 0) | (targets >= classes)).view(len(targets), -1).any(1)
    unknown = targets[outside].cpu()
    try:  # on the CPU, where a class too many is an error and not the end of the process
        if len(unknown):
            loss(outputs[:1].cpu().expand(len(unknown), *outputs.shape[1:]), unknown)
    except Exception:
        worst = int(unknown.min()) if int(unknown.max()) < classes else int(unknown.max())
        raise SettingsError(
            f"{where}: found the target {worst}; allowed: 0 to {classes - 1}, for so many are the outputs"
        ) from None


def _check_loss(loss: Loss, outputs: Tensor, targets: Tensor, where: str) -> None:
    both = f"outputs {described(outputs)} and targets {described(targets)}"

    def value(rows: slice, times: int = 1) -> Tensor:
        return loss(torch.cat([outputs[rows]] * times), torch.cat([targets[rows]] * times))

    everything = slice(None)
    try:
        whole: Any = value(everything)
    except Exception as problem:  # whatever a user's code raises
        _refuse(f"{where}: the loss does not take {both}", problem)
    if not isinstance(whole, Tensor) or whole.ndim:
        given = f"a tensor {described(whole)}" if isinstance(whole, Tensor) else f"a {type(whole).__name__}"
        raise SettingsError(f"{where}: the loss is {given}; allowed: the mean over examples, a tensor of one number")
    if not torch.isfinite(whole):
        raise SettingsError(f"{where}: the loss of an untrained network is {whole.item()}; allowed: a finite number")
    if not torch.allclose(whole, value(everything, 2), rtol=1e-3, atol=1e-6):
        raise SettingsError(
            f"{where}: the loss of the same examples twice is {value(everything, 2).item():.4g}, of once "
            f"{whole.item():.4g}; allowed: the mean over examples, not a sum"
        )
    if not targets.is_floating_point() or outputs.shape == targets.shape:
        return
    alone = torch.stack([value(slice(n, n + 1)) for n in range(len(outputs))]).mean()
    if not torch.allclose(whole, alone, rtol=1e-3, atol=1e-6):
        raise SettingsError(
            f"{where}: {both}: the loss takes every output with every target (broadcasting); allowed: equal shapes, or "
            "a loss that is the mean over examples"
        )


def _refuse(what: str, problem: Exception) -> NoReturn:
    raise SettingsError(f"{what}: {reason_of(problem)}") from None
