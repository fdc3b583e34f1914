"""How good K one-vs-rest decisions are: under the paper's decision rule, and under one alike for every method."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_average_precision,
    binary_precision,
    binary_recall,
    binary_roc,
    binary_specificity,
    multiclass_accuracy,
)

from rtl_core.problem import Score
from rtl_core.scoring import MEAN, commonest_share, mean_chance

CHANCE = {"auroc": 0.5, "balanced_accuracy": 0.5}
"""What guessing gives, whatever the data."""


def paper_scores(decisions: Tensor, subset_of: Tensor, subsets: Sequence[str]) -> list[Score]:
    """Balanced accuracy, precision and recall of decisions already taken (paper Table 1).

    Args:
        decisions: bool [N, K]: does subset k claim example n?
        subset_of: the subset each example belongs to, int [N].
        subsets: K names.

    Returns:
        Scores under the protocol ``paper``, one a subset and their mean.
    """
    return _with_means(
        [
            _score("paper", metric, name, value)
            for k, name in enumerate(subsets)
            for metric, value in _decision_metrics(decisions[:, k], subset_of == k).items()
        ]
    )


def matched_scores(
    validation: Tensor,
    validation_subset_of: Tensor,
    test: Tensor,
    test_subset_of: Tensor,
    subsets: Sequence[str],
) -> list[Score]:
    """Scores that do not depend on a method's own decision rule (protocol ``matched``).

    AUROC and average precision need no threshold; balanced accuracy, precision and recall take, for each
    subset, the threshold of best balanced accuracy on the validation split; accuracy is that of the largest
    score among the K.

    Args:
        validation: scores float [N_v, K], larger where subset k is likelier.
        validation_subset_of: int [N_v].
        test: scores float [N, K].
        test_subset_of: int [N].
        subsets: K names.
    """
    scores = []
    for k, name in enumerate(subsets):
        truth = test_subset_of == k
        threshold = best_threshold(validation[:, k], validation_subset_of == k)
        scores += [
            _score("matched", "auroc", name, binary_auroc(test[:, k], truth.long()).item()),
            _score(
                "matched",
                "average_precision",
                name,
                binary_average_precision(test[:, k], truth.long()).item(),
                truth.double().mean().item(),
            ),
        ]
        metrics = _decision_metrics(test[:, k] >= threshold, truth)
        scores += [
            _score("matched", metric, name, value)._replace(threshold=threshold.item())
            for metric, value in metrics.items()
        ]
    accuracy = multiclass_accuracy(test.argmax(1), test_subset_of, len(subsets), average="micro").item()
    return [*_with_means(scores), _score("matched", "accuracy", MEAN, accuracy, commonest_share(test_subset_of))]


def best_threshold(scores: Tensor, truth: Tensor) -> Tensor:
    """The threshold on probabilities float [N] whose decisions ``score >= threshold`` balance best.

    Between two neighbouring scores every threshold decides alike; the middle is taken.

    Raises:
        ValueError: ``truth`` bool [N] holds one class only.
    """
    if truth.all() or not truth.any():
        raise ValueError("a threshold needs examples inside and outside the subset")
    false_positives, true_positives, thresholds = binary_roc(scores, truth.long())
    best = int((true_positives - false_positives).argmax())
    return thresholds[best : best + 2].mean()


def _score(protocol: str, metric: str, subset: str, value: float, chance: float | None = None) -> Score:
    chance = CHANCE.get(metric, chance)
    return Score(protocol, metric, subset, value, higher_is_better=True, chance=chance)


def _decision_metrics(decisions: Tensor, truth: Tensor) -> dict[str, float]:
    decided, true = decisions.long(), truth.long()
    recall = binary_recall(decided, true).item()
    return {
        "balanced_accuracy": (recall + binary_specificity(decided, true).item()) / 2,
        "precision": binary_precision(decided, true).item(),
        "recall": recall,
    }


def _with_means(scores: list[Score]) -> list[Score]:
    kinds: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        kinds.setdefault((score.protocol, score.metric), []).append(score)
    return [*scores, *(_mean(kind) for kind in kinds.values())]


def _mean(scores: list[Score]) -> Score:
    value = torch.tensor([score.value for score in scores], dtype=torch.float64).mean().item()
    return scores[0]._replace(subset=MEAN, value=value, chance=mean_chance(scores), threshold=None)
