"""What tickets do on one another's jobs."""

import pytest
import torch

from rtl_core.behaviour import agreement, behaviour
from rtl_core.problem import Problem


def test_agreement_of_choices_is_the_share_of_equal_ones():
    found = agreement([torch.tensor([0, 1, 2, 3]), torch.tensor([0, 1, 0, 0]), torch.tensor([3, 2, 0, 0])])
    assert found.tolist() == [[1, 0.5, 0], [0.5, 1, 0.5], [0, 0.5, 1]]


def test_agreement_of_quantities_is_their_correlation():
    a = torch.rand(5, 4, generator=torch.Generator().manual_seed(0))
    found = agreement([a, 2 * a + 1, -a])
    assert found.tolist() == [pytest.approx(row) for row in ([1, 1, -1], [1, 1, -1], [-1, -1, 1])]
    assert agreement([a, torch.ones(5, 4)]).tolist() == [[1, 0], [0, 1]]


def test_the_diagonal_is_each_ticket_on_its_own_job(digits):
    networks = [digits.network(torch.Generator().manual_seed(seed)).eval() for seed in range(3)]
    found = behaviour(digits, networks)
    assert found is not None and found.metric == "auroc"
    assert found.scores.shape == (3, 10) and found.agreement.shape == (3, 3)
    assert found.scores[1].tolist() == pytest.approx(digits.across_subsets(networks[1]).scores)
    assert torch.equal(found.agreement, found.agreement.T)


def test_a_problem_may_have_no_answer(digits, monkeypatch):
    monkeypatch.setattr(type(digits), "across_subsets", Problem.across_subsets)
    assert behaviour(digits, [digits.network(torch.Generator()).eval()] * 2) is None
