"""How many multiply-adds a training pass takes, forward and backward: counted operator by operator, as it runs.

Counted are matrix products, convolutions, attention and recurrent layers: dense, as ordinary hardware executes them, so
that a weight of zero counts as any other. Elementwise work, normalisation, pooling, resampling and Fourier transforms
are not.

torch's own ``FlopCounterMode`` takes the gradient of a grouped kernel for that of a full one, passes over what it does
not know (attention and LSTMs on a CPU among them) and hooks the modules of all threads.
"""

import re
from collections.abc import Callable, Hashable
from contextlib import suppress
from math import nan
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_leaves

from rtl_core.captured import identity_of
from rtl_core.problem import Batch, Objective
from rtl_core.randomness import Stream
from rtl_core.structure import plain
from rtl_core.training import gradient_of
from rtl_core.weights import FlatWeights

Arguments = dict[str, Any]

_FACTORS = {
    "mm": "self", "bmm": "self", "mv": "self", "dot": "self", "vdot": "self",
    "addmm": "mat1", "addmv": "mat", "baddbmm": "batch1",
}  # fmt: skip
"""Products by torch's name, and what their first factor is called."""

_PRODUCT = re.compile("mm|mv|dot|conv|linear|rnn|lstm|gru|attention|encoder|matmul|dist|addr|linalg|solve|cholesky|qr")
_NO_PRODUCT = re.compile("gamma|cumm|hamming|sqrt|upsample|cell|cross|diagonal|convert|flatten|is_distributed")
"""By whose names torch's other operators are told to multiply, and not to after all."""


class TrainingPasses:
    """Passes through a network that is there for counting alone: one on each kind of batch.

    Args:
        weights: a network; what its batch normalisation learns is of no use afterwards.
        place: where what drops at random draws from.
    """

    def __init__(self, weights: FlatWeights, place: Stream) -> None:
        self._weights, self._place = weights, place
        self._known: dict[Hashable | None, float] = {}
        weights.network.train()

    def multiply_adds(self, objective: Objective, batch: Batch) -> float:
        """Of a pass on one batch; NaN where an operator may multiply that is not known."""
        kind = _kind(objective, batch)
        if kind is None or kind not in self._known:
            self._known[kind] = self._counted(objective, batch)
        return self._known[kind]

    def _counted(self, objective: Objective, batch: Batch) -> float:
        return multiply_adds(lambda: gradient_of(self._weights, objective, batch, self._place))


def multiply_adds(work: Callable[[], object]) -> float:
    """Multiply-adds of some work, which is done; NaN where an operator may multiply that is not known.

    What does not pass through torch's operators, such as NumPy or a kernel that is called by itself, is not seen.
    """
    counting = _Counting()
    with counting:
        work()
    return counting.total


def _kind(objective: Objective, batch: Batch) -> Hashable | None:
    """What passes on a batch have in common with others; None where they cannot be compared.

    Batches of one kind differ in the values of their tensors alone.
    """
    leaves, structure = tree_flatten(batch)
    with suppress(TypeError):
        kind = (identity_of(objective), structure, tuple(map(_kind_of_leaf, leaves)))
        hash(kind)
        return kind
    return None


def _kind_of_leaf(leaf: Any) -> Hashable:
    if isinstance(leaf, Tensor):
        return leaf.shape, leaf.dtype
    return identity_of(leaf) if isinstance(leaf, Objective) else plain(leaf)


class _Counting(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.total: float = 0

    def __torch_dispatch__(
        self, operator: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        with self:
            result = operator.decompose(*args, **given)
        if result is NotImplemented:
            result = operator(*args, **given)
            names = [argument.name for argument in operator._schema.arguments]
            self.total += _count(operator, dict(zip(names, args, strict=False)) | given, result)
        return result


def _count(operator: OpOverload, given: Arguments, result: Any) -> float:
    library, _, named = operator._schema.name.partition("::")
    name = named.rstrip("_")
    if not _may_multiply(operator, library, name, result):
        return 0
    tensors = [leaf for leaf in tree_leaves(list(given.values())) if isinstance(leaf, Tensor)]
    if library != "aten" or any(leaf.layout != torch.strided or leaf.is_complex() for leaf in tensors):
        return nan
    if name in _FACTORS:
        return int(result.numel() * given[_FACTORS[name]].shape[-1])
    return _LAYERS[name](given, result) if name in _LAYERS else nan


def _may_multiply(operator: OpOverload, library: str, name: str, result: Any) -> bool:
    if {torch.Tag.pointwise, torch.Tag.reduction} & {*operator.tags}:
        return False
    if library == "aten":
        return bool(_PRODUCT.search(name) and not _NO_PRODUCT.search(name))
    tensors = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
    return any(leaf.is_floating_point() or leaf.is_complex() for leaf in tensors)


def _convolution(given: Arguments, output: Tensor) -> int:
    """Each output is a sum over its group's channels and the kernel; transposed, each input goes into as many."""
    places = given["input"] if given["transposed"] else output
    return int(places.numel() * given["weight"][0].numel())


def _convolution_backward(given: Arguments, _: Any) -> int:
    """As much as forward for each gradient that is asked for, of the input and of the kernel."""
    return sum(_convolution(given, given["grad_output"]) for is_asked in given["output_mask"][:2] if is_asked)


def _attention(given: Arguments, _: Any) -> int:
    """QKᵀ and its product with V, over all pairs of places, causal or not."""
    query, key, value = given["query"], given["key"], given["value"]
    return int(query[..., 0].numel() * key.shape[-2] * (query.shape[-1] + value.shape[-1]))


def _attention_backward(given: Arguments, _: Any) -> int:
    """QKᵀ once more, as no kernel keeps it, and the gradients of Q, K, V and of what V was multiplied by."""
    query, key, value = given["query"], given["key"], given["value"]
    return int(query[..., 0].numel() * key.shape[-2] * (3 * query.shape[-1] + 2 * value.shape[-1]))


def _recurrent(given: Arguments, _: Any) -> int:
    """At every place of every sequence, each weight of a layer once."""
    layers = given["weight"] if "weight" in given else [value for name, value in given.items() if "weight" in name]
    weights = sum(matrix.numel() for matrix in layers if matrix.dim() > 1)
    return int(given["input"][..., 0].numel() * weights)


def _recurrent_backward(given: Arguments, result: Any) -> int:
    """The gradients of inputs and of weights, which these kernels take whether or not they are asked for."""
    return 2 * _recurrent(given, result)


_KERNELS = ("flash_attention_for_cpu", "flash_attention", "efficient_attention", "cudnn_attention")
_LAYERS: dict[str, Callable[[Arguments, Any], int]] = {
    "convolution": _convolution,
    "convolution_backward": _convolution_backward,
    **{f"_scaled_dot_product_{kernel}": _attention for kernel in _KERNELS},
    **{f"_scaled_dot_product_{kernel}_backward": _attention_backward for kernel in _KERNELS},
    "mkldnn_rnn_layer": _recurrent,
    "mkldnn_rnn_layer_backward": _recurrent_backward,
    "_cudnn_rnn": _recurrent,
    "_cudnn_rnn_backward": _recurrent_backward,
}
