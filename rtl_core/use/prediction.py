"""What tickets predict: claims, classes or values, one an example, with the context of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from rtl_core.description.decision import Classes, Decision, OneVsRest, Quantities
from rtl_core.errors import SettingsError, TicketFileError
from rtl_core.probability import probability_of

Rule = Literal["matched", "paper"]
HALF = 0.5
"""The paper's threshold, above which a claim is made."""
POSTERIOR = "posterior"
"""The column of ``rows`` that says how sure a context is that was told."""
OTHER_COLUMNS = ("input", "context", POSTERIOR)
"""Columns that stand before those of quantities, which may have any name."""


@dataclass(frozen=True)
class Claims:
    """Whether each of N examples is of its context.

    Attributes:
        contexts: N names.
        probabilities: that it is, float64 [N].
        claimed: whether it is taken to be, bool [N].
        thresholds: on the probabilities, float64 [N].
        shown: how many columns of ``rows`` a terminal has room for.
        rule: ``paper``, claimed above the threshold, or ``matched``, from it on.
        posterior: how likely each context is, float64 [N], where it was told from what the tickets say; None where it
            was given.
    """

    shown: ClassVar[int] = 4
    contexts: tuple[str, ...]
    probabilities: Tensor
    claimed: Tensor
    thresholds: Tensor
    rule: Rule
    posterior: Tensor | None = None

    def rows(self) -> list[dict[str, Any]]:
        """A table with a row for each example."""
        columns = (self.claimed.tolist(), self.probabilities.tolist(), self.thresholds.tolist())
        names = ("claimed", "probability", "threshold")
        return [
            context | dict(zip(names, row, strict=True)) | {"rule": self.rule}
            for context, row in zip(_of(self.contexts, self.posterior), zip(*columns, strict=True), strict=True)
        ]


@dataclass(frozen=True)
class Choices:
    """The class of each of N examples.

    Attributes:
        contexts: N names; empty where none was given, as all are served alike.
        classes: names of the C classes.
        probabilities: float64 [N, C]; 0 for a class that does not count in the example's context.
        labels: names of the likeliest class, N.
        posterior: as of ``Claims``.
    """

    shown: ClassVar[int] = 3
    contexts: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: Tensor
    labels: tuple[str, ...]
    posterior: Tensor | None = None

    def rows(self) -> list[dict[str, Any]]:
        """A table with a row for each example, and a column for each class."""
        return [
            context
            | {"class": label, "probability": max(shares)}
            | {f"probability of {name}": share for name, share in zip(self.classes, shares, strict=True)}
            for context, label, shares in zip(
                _of(self.contexts, self.posterior), self.labels, self.probabilities.tolist(), strict=True
            )
        ]


@dataclass(frozen=True)
class Values:
    """What the network of its context gives for each of N examples.

    Attributes:
        contexts: N names; empty where none was given, as all are served alike.
        names: of the outputs, with units, where they are known.
        values: float [N, …].
    """

    shown: ClassVar[int] = 6
    contexts: tuple[str, ...]
    names: tuple[str, ...]
    values: Tensor

    def rows(self) -> list[dict[str, Any]]:
        """A table with a row for each example, and a column for each output."""
        flat = self.values.reshape(len(self.values), -1)
        names = self.names or tuple(f"output {number}" for number in range(flat.shape[1]))
        names = tuple(f"{name} (output)" if name in OTHER_COLUMNS else name for name in names)
        return [
            context | dict(zip(names, row, strict=True))
            for context, row in zip(_of(self.contexts), flat.tolist(), strict=True)
        ]


Prediction = Claims | Choices | Values


def _of(contexts: Sequence[str], posterior: Tensor | None = None) -> list[dict[str, Any]]:
    """Of each example its context, where it has one, and how likely that is, where it was told."""
    named: list[dict[str, Any]] = [{"context": context} if context else {} for context in contexts]
    if posterior is None:
        return named
    return [one | {POSTERIOR: value} for one, value in zip(named, posterior.tolist(), strict=True)]


def rule_of(decision: Decision, contexts: Sequence[str], rule: Rule | None) -> Rule | None:
    """By which rule claims are made: the one asked for, or the matched one where its thresholds are known; None where
    nothing is claimed.

    Raises:
        SettingsError: it is neither, the file does not know a threshold for it, or nothing is claimed.
    """
    if not isinstance(decision, OneVsRest):
        if rule is not None:
            raise SettingsError(f"rule: found {rule!r}; allowed: none, as these tickets claim nothing")
        return None
    if rule not in (None, "matched", "paper"):
        raise SettingsError(f"rule: found {rule!r}; allowed: matched, paper")
    unknown = [name for name in contexts if name not in decision.thresholds]
    if rule == "matched" and unknown:
        raise SettingsError(f"rule: found 'matched', but the file has no threshold for {unknown[0]}; allowed: paper")
    return rule or ("paper" if unknown else "matched")


def decided(
    decision: Decision,
    outputs: Tensor,
    contexts: Sequence[str],
    rule: Rule | None,
    posterior: Tensor | None = None,
) -> Prediction:
    """What outputs mean.

    Args:
        decision: of the file.
        outputs: of the networks of their contexts, [N, …], on the CPU.
        contexts: N names.
        rule: of claims.
        posterior: how likely each context is, float64 [N], where it was told.
    """
    names = tuple(contexts)
    check_outputs(decision, outputs)
    chosen = rule_of(decision, list(dict.fromkeys(names)), rule)
    if isinstance(decision, OneVsRest) and chosen is not None:
        own = torch.tensor([decision.outputs[name] for name in names])
        probabilities = probability_of(outputs[torch.arange(len(names)), own])
        limits = [decision.thresholds[name] if chosen == "matched" else HALF for name in names]
        thresholds = torch.tensor(limits, dtype=torch.float64)
        claimed = probabilities >= thresholds if chosen == "matched" else probabilities > thresholds
        return Claims(names, probabilities, claimed, thresholds, chosen, posterior)
    if isinstance(decision, Classes):
        probabilities = _shares(decision, outputs.double(), names)
        labels = tuple(decision.classes[number] for number in probabilities.argmax(1).tolist())
        return Choices(names, decision.classes, probabilities, labels, posterior)
    return Values(names, getattr(decision, "names", ()), outputs)


def check_outputs(decision: Decision, outputs: Tensor) -> None:
    """Refuse outputs that are not as many as the file says what they mean; claims may leave some without a meaning.

    Raises:
        TicketFileError: they are not, or are not [N, C], or of quantities not [N, …].
    """
    shape, meant = list(outputs.shape[1:]), ""
    if isinstance(decision, OneVsRest):
        needed = max(decision.outputs.values(), default=0) + 1
        meant = "" if len(shape) == 1 and shape[0] >= needed else f"{needed} and more"
    elif isinstance(decision, Classes):
        meant = "" if shape == [len(decision.classes)] else f"{len(decision.classes)}"
    elif isinstance(decision, Quantities):
        meant = "" if shape == [*decision.shape] else f"{[*decision.shape]}"
    if meant:
        raise TicketFileError(f"a network returns {shape} outputs, and the file means {meant}")


def _shares(decision: Classes, logits: Tensor, contexts: tuple[str, ...]) -> Tensor:
    """Softmax over the classes that count in the context of each row, float64 [N, C]."""
    if not decision.among:
        return logits.softmax(1)
    shares = torch.zeros_like(logits)
    for name in dict.fromkeys(contexts):
        rows = torch.tensor([row for row, context in enumerate(contexts) if context == name])
        numbers = torch.tensor(decision.among[name])
        shares[rows[:, None], numbers] = logits[rows[:, None], numbers].softmax(1)
    return shares
