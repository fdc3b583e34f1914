"""What smaller weights cost in score, where the truth about inputs is known."""

from collections.abc import Mapping, Sequence
from math import prod

import torch
from torch import Tensor

from rtl_core.description.decision import Classes, Colours, Decision, OneVsRest, Quantities, Speech
from rtl_core.errors import DataError
from rtl_core.use.prediction import HALF

Scored = tuple[str, float]
"""A metric's name and value."""
ERROR = "root mean square error"


def score_of(decision: Decision, said: Mapping[str, Tensor], truth: Tensor | None) -> Scored | None:
    """How good predictions are; None where nothing says what is true, or of which context.

    Args:
        decision: of the file.
        said: for each context of a graph, what it says of all N inputs.
        truth: with claims, for each input the number of the output that it is of (``decision.outputs``); the number of
            its class; or its values, [N, …], or the clean signals, [N, L], which count where there is one context.

    Returns:
        A mean over the contexts: balanced accuracy of claims, by the matched rule where thresholds are known; accuracy
        among the examples whose class counts in the context; root mean square error; or, of signals, the
        scale-invariant ratio of signal to noise.
    """
    if truth is None:
        return None
    values = next(iter(said.values()))
    if isinstance(decision, Quantities | Colours | Speech):
        if len(said) > 1:
            return None
        pair = values.double(), truth.double().reshape(values.shape)
        return ("SI-SNR in dB", _ratio(*pair)) if isinstance(decision, Speech) else (ERROR, _error(*pair))
    numbers = truth.flatten()
    scores = [
        _balanced(decision, name, probabilities, numbers)
        if isinstance(decision, OneVsRest)
        else _accuracy(decision, name, probabilities, numbers)
        for name, probabilities in said.items()
    ]
    mean = torch.tensor(scores, dtype=torch.float64).mean().item()
    return "balanced accuracy" if isinstance(decision, OneVsRest) else "accuracy", mean


def check_truth(decision: Decision, contexts: Sequence[str], inputs: Tensor, truth: Tensor) -> None:
    """Refuse a truth about inputs, [N, …], that ``score_of`` cannot hold predictions in these contexts against.

    Raises:
        DataError: it is not of so many inputs, is none of their kind, or judges a context by nothing.
    """
    found = f"labels: found {list(truth.shape)} {truth.dtype}"
    if isinstance(decision, Quantities | Colours | Speech):
        shape = inputs.shape[1:] if isinstance(decision, Speech) else (3,)
        wanted = [len(inputs), *(decision.shape if isinstance(decision, Quantities) else shape)]
        if len(contexts) == 1 and (truth.shape[:1] != (len(inputs),) or truth.numel() != prod(wanted)):
            raise DataError(f"{found}; allowed: values {wanted}")
        return
    numbers = truth.flatten()
    if len(numbers) != len(inputs) or numbers.is_floating_point():
        raise DataError(f"{found}; allowed: {len(inputs)} whole numbers")
    if missing := [name for name in contexts if not _judge(decision, name, numbers)]:
        raise DataError(
            f"labels: found too few to judge {len(missing)} of {len(contexts)} contexts, as {missing[0]}; allowed: "
            "examples for each"
        )


def _judge(decision: OneVsRest | Classes, name: str, numbers: Tensor) -> bool:
    """Whether there are examples of a context, and beside claims others."""
    if isinstance(decision, OneVsRest):
        true = numbers == decision.outputs[name]
        return bool(true.any()) and not bool(true.all())
    counted = decision.among.get(name)
    return not counted or bool(torch.isin(numbers, torch.tensor(counted)).any())


def _balanced(decision: OneVsRest, name: str, probabilities: Tensor, numbers: Tensor) -> float:
    true = numbers == decision.outputs[name]
    threshold = decision.thresholds.get(name)
    claimed = probabilities > HALF if threshold is None else probabilities >= threshold
    return (claimed[true].double().mean() + (~claimed)[~true].double().mean()).item() / 2


def _accuracy(decision: Classes, name: str, probabilities: Tensor, numbers: Tensor) -> float:
    counted = decision.among.get(name)
    rows = torch.isin(numbers, torch.tensor(counted)) if counted else torch.ones_like(numbers, dtype=torch.bool)
    return (probabilities.argmax(1) == numbers)[rows].double().mean().item()


def _error(values: Tensor, truth: Tensor) -> float:
    return (values - truth).square().mean().sqrt().item()


def _ratio(signals: Tensor, clean: Tensor) -> float:
    from torchmetrics.functional.audio import scale_invariant_signal_noise_ratio  # takes seconds to import

    return scale_invariant_signal_noise_ratio(signals, clean).mean().item()
