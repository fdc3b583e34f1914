"""How a batch is cut into smaller ones."""

from torch import Tensor
from torch.utils import _pytree

from rtl_core.errors import DataError
from rtl_core.problem import Batch

FEWEST = 2
"""Examples in a microbatch, if the batch has so many: batch normalisation of one example can fail."""


def microbatches(batch: Batch, count: int) -> list[Batch | None]:
    """Cut a batch into ``count`` that hold each of its examples once, as equal in size as can be.

    Examples lie along the first dimension of every tensor; neighbours come into different microbatches, and numbers
    into each. A batch of fewer than ``2 · count`` examples gives fewer, of two at least, with None between them, but
    always the first.

    Raises:
        DataError: the tensors of the batch differ in length, or there is something else than tensors and numbers.
    """
    if count == 1:
        return [batch]
    leaves, tree = _pytree.tree_flatten(batch)
    for leaf in leaves:
        if not isinstance(leaf, Tensor | int | float | None):
            raise DataError(f"a batch cannot be cut: found a {type(leaf).__name__}; allowed: tensors and numbers")
    lengths = {len(leaf) for leaf in leaves if isinstance(leaf, Tensor) and leaf.dim()}
    if len(lengths) != 1:
        found = ", ".join(map(str, sorted(lengths))) or "none"
        raise DataError(f"a batch cannot be cut: found tensors of lengths {found}; allowed: one length, of examples")
    parts = min(count, max(1, lengths.pop() // FEWEST))

    def part(number: int) -> Batch:
        cut = (leaf[number::parts] if isinstance(leaf, Tensor) and leaf.dim() else leaf for leaf in leaves)
        return _pytree.tree_unflatten(cut, tree)

    cut: list[Batch | None] = [None] * count
    for number in range(parts):
        cut[number * count // parts] = part(number)
    return cut
