"""A problem as IMP single sees it: one network, one subset of all data. RTL with K = 1 is IMP single."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from rtl_core.context_examples import ContextExamples
from rtl_core.description.about import Usage
from rtl_core.problem import Exhibit, Objective, Problem, Score


def as_one_network(problem: Problem) -> Problem:
    """The same job with K = 1: its one ticket is the network that serves every subset, and is scored on each."""
    return OneNetwork(problem)


def scored_subsets(problem: Problem) -> tuple[str, ...]:
    """The subsets that scores of a problem are of: those of the job, even where one network serves all of them."""
    return problem.job.subsets if isinstance(problem, OneNetwork) else problem.subsets


class OneNetwork(Problem):
    """A view of ``job``, which keeps its data and its network."""

    def __init__(self, job: Problem) -> None:
        self.job = job
        self.subsets = (job.single_objective.name,)

    def network(self, generator: torch.Generator) -> nn.Module:
        return self.job.single_network(generator)

    def prunable(self, network: nn.Module) -> Sequence[str]:
        return self.job.prunable(network)

    @property
    def objectives(self) -> Sequence[Objective]:
        return [self.job.single_objective]

    @property
    def single_objective(self) -> Objective:
        return self.job.single_objective

    def score(self, tickets: Sequence[nn.Module]) -> list[Score]:
        """The figures of the one network on the job of every subset."""
        (network,) = tickets
        return self.job.score_single(network)

    def score_single(self, network: nn.Module) -> list[Score]:
        return self.job.score_single(network)

    def usage(self, one_network: bool = False) -> Usage:
        return self.job.usage(one_network=True)

    def context_examples(self, split: str) -> ContextExamples | None:
        return self.job.context_examples(split)

    @property
    def facts(self) -> Mapping[str, Any]:
        return self.job.facts

    @property
    def references(self) -> Sequence[Exhibit]:
        return self.job.references

    def exhibit(self, tickets: Sequence[nn.Module]) -> Sequence[Exhibit]:
        (network,) = tickets
        return self.job.exhibit_single(network)
