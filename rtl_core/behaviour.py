"""How alike tickets behave, beside how alike their masks are."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rtl_core.problem import Problem


class Behaviour(NamedTuple):
    """K tickets on K jobs.

    ``scores`` float64 [K, K] is the figure under ``metric`` of ticket i on subset j's job, and ``agreement`` float64
    [K, K] how far tickets i and j predict alike.
    """

    metric: str
    scores: Tensor
    agreement: Tensor


def behaviour(problem: Problem, tickets: Sequence[nn.Module]) -> Behaviour | None:
    """Every ticket, in evaluation mode, on every subset's job; None where the problem says that makes no sense."""
    answers = [across for ticket in tickets if (across := problem.across_subsets(ticket))]
    if len(answers) < len(tickets):
        return None
    scores = torch.tensor([across.scores for across in answers], dtype=torch.float64)
    return Behaviour(answers[0].metric, scores, agreement([across.predictions for across in answers]))


def agreement(predictions: Sequence[Tensor]) -> Tensor:
    """How far K tickets predict alike, float64 [K, K], 1 on the diagonal.

    Of choices, int [N], it is the share of examples with the same choice; of quantities, float [N, …], Pearson's
    correlation, 0 with a ticket that always predicts the same.
    """
    stacked = torch.stack([values.flatten() for values in predictions])
    if stacked.is_floating_point():
        return torch.corrcoef(stacked.double()).nan_to_num(0.0).fill_diagonal_(1.0)
    return torch.stack([(stacked == row).double().mean(1) for row in stacked])
