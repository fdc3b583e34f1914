"""What a metric of outputs and targets is: its figure, in which direction it is read, and what chance gives."""

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

from torch import Tensor, nn

from rtl_core.contexts.examples import described
from rtl_core.errors import SettingsError, reason_of
from rtl_core.scoring import commonest_share, direction_of


class Measure(NamedTuple):
    """A metric with what torchmetrics does not know of it.

    ``figure(outputs, targets)`` is one number for all examples of a context; or it is a metric of torchmetrics.
    ``higher_is_better`` and ``chance`` are those of ``rtl_core.problem.Score``.
    """

    figure: Callable[[Tensor, Tensor], Any]
    higher_is_better: bool | None = None
    chance: float | None = None


Metric = Measure | Callable[[Tensor, Tensor], Any]


def measures_of(metrics: Mapping[str, Metric]) -> dict[str, Measure]:
    """Metrics with their directions: as stated, or as torchmetrics has them for the metric or for its name.

    Raises:
        SettingsError: there is none, or a direction is not known.
    """
    if not metrics:
        raise SettingsError("metrics: found none; allowed: one and more, by name")
    measures = {}
    for name, metric in metrics.items():
        measure = metric if isinstance(metric, Measure) else Measure(metric)
        if not callable(measure.figure):
            kind = type(measure.figure).__name__
            raise SettingsError(f"metrics: {name!r}: found a {kind}; allowed: a metric of torchmetrics, or a function")
        higher = measure.higher_is_better
        if higher is None:
            higher = getattr(measure.figure, "higher_is_better", None)
        if higher is None:
            higher = direction_of(name)
        if higher is None:
            raise SettingsError(
                f"metrics: {name!r}: nothing says whether higher is better; "
                "allowed: Measure(..., higher_is_better=True), or False"
            )
        measures[name] = measure._replace(higher_is_better=higher)
    return measures


def figure_of(name: str, measure: Measure, outputs: Tensor, targets: Tensor) -> float:
    """The figure of all examples of a context, on the CPU.

    Raises:
        SettingsError: the metric does not take these, or gives more than one number.
    """
    figure = measure.figure
    if isinstance(figure, nn.Module):  # a metric of torchmetrics sums up what it has seen
        figure = deepcopy(figure).cpu()
        getattr(figure, "reset", lambda: None)()
    try:
        return float(figure(outputs, targets))
    except Exception as problem:  # whatever a user's code raises
        raise SettingsError(
            f"metrics: {name!r} of outputs {described(outputs)} and targets {described(targets)}: {reason_of(problem)}"
        ) from None


def chance_of(measure: Measure, targets: Tensor) -> float | None:
    """What guessing gives on a context's targets: as stated, or as it follows from a metric of torchmetrics."""
    if measure.chance is not None:
        return measure.chance
    figure: Any = measure.figure
    kind = re.sub("^(Binary|Multiclass|Multilabel)", "", type(figure).__name__)
    if not type(figure).__module__.startswith("torchmetrics."):
        return None
    if kind == "AUROC":
        return 0.5
    if kind in ("R2Score", "MatthewsCorrCoef", "CohenKappa"):
        return 0.0
    if kind != "Accuracy" or targets.ndim != 1:
        return None
    average = getattr(figure, "average", "micro")  # of two classes it is always micro
    if average == "micro":
        return commonest_share(targets.long())
    return 1 / len(targets.unique()) if average == "macro" else None
