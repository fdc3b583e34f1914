"""What the examples of each context are: read once, checked, and held in memory."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves
from torch.utils.data import Dataset, TensorDataset, default_collate

from rtl_core.errors import DataError, reason_of
from rtl_core.implicit_draws import implicit_draws

Data = Dataset[Any] | Sequence[Any]
"""One context's examples: a ``Dataset`` with a length whose items are pairs (inputs, target), or the two tensors of all
of them, [N, …] each."""

FEWEST = 2
"""Examples of a context in a split: of one, neither a batch's statistics nor most metrics are defined."""
SEEN_TWICE = 32
"""Examples of a set that are read again, to see that they stay."""


class Examples(NamedTuple):
    """The examples of one split, context after context: inputs [N, …], targets [N, …], context int64 [N]."""

    inputs: Tensor
    targets: Tensor
    context: Tensor

    def of(self, context: int) -> tuple[Tensor, Tensor]:
        """The inputs and targets of one context."""
        own = self.context == context
        return self.inputs[own], self.targets[own]


def read_examples(split: str, data: Mapping[str, Data], contexts: Sequence[str]) -> Examples:
    """The examples of every context in one split; floating-point numbers become float32.

    Raises:
        DataError: a context lacks the split, has fewer than two examples or other shapes than the first, or its data
            are no pairs, draw at random, or hold a number that is not finite.
    """
    _check_names(split, data, contexts)
    parts = []
    for name in contexts:
        where = f"{split}, context {name!r}"
        parts.append(_checked(*_read(data[name], where), where))
    first = _kinds(*parts[0])
    for name, part in zip(contexts, parts, strict=True):
        if (kinds := _kinds(*part)) != first:
            raise DataError(f"{split}, context {name!r}: found {kinds}; allowed: {first}, as in {contexts[0]!r}")
    context = torch.arange(len(parts)).repeat_interleave(torch.tensor([len(inputs) for inputs, _ in parts]))
    return Examples(torch.cat([inputs for inputs, _ in parts]), torch.cat([targets for _, targets in parts]), context)


def digest_of_examples(contexts: Sequence[str], splits: Mapping[str, Examples]) -> str:
    """SHA-256 over the names of the contexts and all that their examples hold."""
    digest = hashlib.sha256(json.dumps([*contexts]).encode())
    for split, examples in splits.items():
        for part, values in examples._asdict().items():
            digest.update(json.dumps([split, part, str(values.dtype), list(values.shape)]).encode())
            digest.update(values.contiguous().view(torch.uint8).numpy() if values.numel() else b"")
    return digest.hexdigest()


def described(values: Tensor) -> str:
    """Shape and type of a tensor, for a message: ``[64, 3] float32``."""
    return f"{list(values.shape)} {str(values.dtype).removeprefix('torch.')}"


def _check_names(split: str, data: Mapping[str, Data], contexts: Sequence[str]) -> None:
    if not contexts:
        raise DataError(f"{split}: found no context; allowed: two and more")
    if unnamed := [name for name in contexts if not isinstance(name, str)]:
        raise DataError(f"{split}: found a context called {unnamed[0]!r}; allowed: text")
    if missing := [name for name in contexts if name not in data]:
        raise DataError(f"{split}: found no data of context {missing[0]!r}; allowed: one entry for each context")
    if unknown := [name for name in data if name not in contexts]:
        raise DataError(f"{split}: found context {unknown[0]!r}; allowed: those of train, {', '.join(contexts)}")


def _read(data: Data, where: str) -> tuple[Any, Any]:
    if isinstance(data, Dataset):
        return _read_dataset(data, where)
    if isinstance(data, Sequence) and len(data) == 2:
        return data[0], data[1]
    raise DataError(f"{where}: found a {type(data).__name__}; allowed: a Dataset, or a pair of tensors")


def _read_dataset(data: Dataset[Any], where: str) -> tuple[Any, Any]:
    if type(data) is TensorDataset and len(data.tensors) == 2:
        return data.tensors
    try:
        count = len(data)  # type: ignore[arg-type]
    except TypeError:
        raise DataError(f"{where}: found a {type(data).__name__} without a length; allowed: one with") from None
    if not count:
        raise DataError(f"{where}: found 0 examples; allowed: {FEWEST} and more")
    try:
        with implicit_draws() as draws:
            items = [data[n] for n in range(count)]
            again = {n: data[n] for n in range(0, count, -(-count // SEEN_TWICE))}
        if draws or not all(_same(items[n], seen) for n, seen in again.items()):
            raise DataError(
                f"{where}: its examples are drawn anew at every look (augmented?); allowed: examples that stay, "
                "for they are read once"
            )
        collated = default_collate(items)
    except DataError:
        raise
    except Exception as problem:  # whatever a user's code raises
        raise DataError(f"{where}: not readable: {reason_of(problem)}") from None
    if not isinstance(collated, list | tuple) or len(collated) != 2:
        raise DataError(f"{where}: found items of type {type(items[0]).__name__}; allowed: pairs (inputs, target)")
    return collated[0], collated[1]


def _checked(inputs: Any, targets: Any, where: str) -> tuple[Tensor, Tensor]:
    pair = []
    for what, given in (("inputs", inputs), ("targets", targets)):
        try:
            values = torch.as_tensor(given).detach()
        except (TypeError, ValueError, RuntimeError):
            kind = type(given).__name__
            raise DataError(f"{where}: {what}: found a {kind}; allowed: a tensor, one row an example") from None
        if not values.ndim:
            raise DataError(f"{where}: {what}: found one number; allowed: a tensor, one row an example")
        values = values.float() if values.is_floating_point() else values
        if len(not_finite := (~values.isfinite()).nonzero()):
            row = int(not_finite[0, 0])
            raise DataError(
                f"{where}: {what}: found a number that is not finite in example {row}; allowed: finite ones"
            )
        pair.append(values)
    inputs, targets = pair
    if len(inputs) != len(targets):
        raise DataError(f"{where}: found {len(inputs)} inputs and {len(targets)} targets; allowed: as many of each")
    if len(inputs) < FEWEST:
        raise DataError(f"{where}: found {len(inputs)} example{'s' * (len(inputs) != 1)}; allowed: {FEWEST} and more")
    return inputs, targets


def _kinds(inputs: Tensor, targets: Tensor) -> str:
    of_each = [described(values[:1]).replace("[1", "[N", 1) for values in (inputs, targets)]
    return f"inputs {of_each[0]} and targets {of_each[1]}"


def _same(first: Any, again: Any) -> bool:
    """Whether a dataset's item is the same at a second look, as far as its parts are tensors, arrays or numbers."""
    pairs = zip(tree_leaves(first), tree_leaves(again), strict=True)
    return all(
        torch.equal(torch.as_tensor(one), torch.as_tensor(other))
        for one, other in pairs
        if isinstance(one, Tensor | np.ndarray | int | float)
    )
