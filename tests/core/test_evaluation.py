import pytest
import torch
from sklearn.metrics import average_precision_score, balanced_accuracy_score, roc_auc_score

from rtl_core.evaluation import best_threshold, matched_scores, paper_scores


def values(scores):
    return {(s.metric, s.subset): s.value for s in scores}


def test_the_papers_rule_on_decisions_made_by_hand():
    subset_of = torch.tensor([0, 0, 0, 1, 1, 2])
    decisions = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0], [0, 1, 1]]).bool()
    found = values(paper_scores(decisions, subset_of, ["a", "b", "c"]))
    assert found["recall", "a"] == pytest.approx(2 / 3)
    assert found["precision", "a"] == pytest.approx(2 / 3)
    assert found["balanced_accuracy", "b"] == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert found["precision", "b"] == pytest.approx(1 / 4)
    assert found["balanced_accuracy", "c"] == 1
    assert found["recall", "mean"] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)


def test_matched_scores_agree_with_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(4, (400,), generator=generator)
    scores = (torch.rand(400, 4, generator=generator) + torch.eye(4)[labels] * 0.5) / 1.5
    found = values(matched_scores(scores[:150], labels[:150], scores[150:], labels[150:], list("abcd")))
    for k, name in enumerate("abcd"):
        truth, test = (labels[150:] == k).numpy(), scores[150:, k].numpy()
        assert found["auroc", name] == pytest.approx(roc_auc_score(truth, test), abs=1e-5)
        assert found["average_precision", name] == pytest.approx(average_precision_score(truth, test), abs=1e-5)
        threshold = best_threshold(scores[:150, k], labels[:150] == k).item()
        assert found["balanced_accuracy", name] == pytest.approx(balanced_accuracy_score(truth, test >= threshold))
    assert found["accuracy", "mean"] == pytest.approx((scores[150:].argmax(1) == labels[150:]).float().mean().item())


def test_every_score_says_how_it_is_read_and_what_guessing_gives():
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    scores = torch.rand(6, 3, generator=torch.Generator().manual_seed(0))
    rows = [*paper_scores(scores > 0.5, labels, [*"abc"]), *matched_scores(scores, labels, scores, labels, [*"abc"])]
    assert all(row.higher_is_better is True for row in rows)
    chances = {(row.metric, row.subset): row.chance for row in rows}
    for subset, prevalence in (("a", 1 / 2), ("b", 1 / 3), ("c", 1 / 6), ("mean", 1 / 3)):
        assert chances["balanced_accuracy", subset] == chances["auroc", subset] == 0.5
        assert chances["average_precision", subset] == pytest.approx(prevalence)
        assert chances["precision", subset] is chances["recall", subset] is None
    assert chances["accuracy", "mean"] == 0.5


def test_the_threshold_is_the_best_there_is_and_lies_between_scores():
    scores, truth = torch.tensor([0.9, 0.8, 0.4, 0.35, 0.1]), torch.tensor([1, 1, 0, 1, 0]).bool()
    threshold = best_threshold(scores, truth)
    assert threshold.item() == pytest.approx(0.6)
    best = max(balanced_accuracy_score(truth, scores >= t) for t in torch.linspace(0, 1, 101))
    assert balanced_accuracy_score(truth, scores >= threshold) == best
    with pytest.raises(ValueError, match="inside and outside"):
        best_threshold(scores, torch.ones(5, dtype=torch.bool))


def test_a_monotone_change_of_scores_changes_no_threshold_free_score():
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(3, (90,), generator=generator)
    scores = torch.rand(90, 3, generator=generator)
    plain = values(matched_scores(scores, labels, scores, labels, list("abc")))
    squeezed = values(matched_scores(scores**3, labels, scores**3, labels, list("abc")))
    for metric in ("auroc", "average_precision", "balanced_accuracy", "precision", "recall"):
        assert squeezed[metric, "mean"] == pytest.approx(plain[metric, "mean"], abs=1e-6)
