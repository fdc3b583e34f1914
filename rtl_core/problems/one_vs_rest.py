"""Image classification with one ticket per class: each decides whether an image is of its class."""

from collections.abc import Iterator, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from rtl_core.device import device_of
from rtl_core.networks import CLASSIFIERS, prunable_convolutions
from rtl_core.networks.initialisation import initialise
from rtl_core.problem import AcrossSubsets, Objective, Problem, Score
from rtl_core.problems.labelled_images import load_images

EVALUATION_BATCH = 1000
ACROSS_SUBSETS = 2000
"""On how many test images, spread evenly, a ticket is tried on the jobs of all subsets."""


class OneVsRest(Problem):
    """K = number of classes. Ticket k reads output k of the classifier and learns class k against the rest.

    Its batches hold as many negatives, drawn from the other classes, as positives; the one network of IMP
    single is a K-way softmax classifier (paper section 2).
    """

    def __init__(
        self,
        folder: Path,
        *,
        network: Annotated[Literal["small_cnn", "ghostnet"], Field(description="classifier, by name")] = "small_cnn",
        batch_size: Annotated[int, Field(ge=4, description="images a batch, negatives included")] = 64,
        device: Annotated[Literal["auto", "cpu", "cuda"], Field(description="auto takes CUDA if present")] = "auto",
    ) -> None:
        splits, self.subsets = load_images(folder)
        self.architecture = network
        self.batch_size = batch_size
        self.device = device_of(device)
        train = splits["train"].images.float()
        mean, deviation = train.mean((0, 2, 3), keepdim=True), train.std((0, 2, 3), keepdim=True)
        self.images = {
            name: ((data.images.float() - mean) / deviation).to(self.device, memory_format=torch.channels_last)
            for name, data in splits.items()
        }
        self.labels = {name: data.labels for name, data in splits.items()}
        self._divide(self.labels["train"])

    def _divide(self, subset_of: Tensor) -> None:
        self.members = [(subset_of == k).nonzero().squeeze(1) for k in range(len(self.subsets))]
        self.others = [(subset_of != k).nonzero().squeeze(1) for k in range(len(self.subsets))]

    def dealt_at_random(self, generator: torch.Generator) -> "OneVsRest":
        """Training images in K parts of equal size whatever their class; tickets learn to tell their part."""
        dealt = copy(self)
        count = len(self.labels["train"])
        dealt._divide(torch.randperm(count, generator=generator) % len(self.subsets))
        return dealt

    def network(self, generator: torch.Generator) -> nn.Module:
        channels = self.images["train"].shape[1]
        return initialise(CLASSIFIERS[self.architecture](channels, len(self.subsets)), generator).to(self.device)

    def prunable(self, network: nn.Module) -> Sequence[str]:
        return prunable_convolutions(network)

    @property
    def objectives(self) -> Sequence[Objective]:
        return [
            Objective(
                name,
                partial(self._balanced_batches, k),
                -(-2 * len(self.members[k]) // self.batch_size),
                partial(_one_vs_rest_loss, k),
            )
            for k, name in enumerate(self.subsets)
        ]

    @property
    def single_objective(self) -> Objective:
        count = -(-len(self.labels["train"]) // self.batch_size)
        return Objective("all", partial(self._mixed_batches, count), count, _softmax_loss)

    def _balanced_batches(self, k: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        positives, others = self.members[k], self.others[k]
        drawn = others[torch.randperm(len(others), generator=generator)[: len(positives)]]
        shuffled = positives[torch.randperm(len(positives), generator=generator)]
        count = -(-2 * len(positives) // self.batch_size)
        for chunk, negatives in zip(shuffled.tensor_split(count), drawn.tensor_split(count), strict=True):
            targets = torch.cat([torch.ones(len(chunk)), torch.zeros(len(negatives))])
            yield self.images["train"][torch.cat([chunk, negatives])], targets.to(self.device)

    def _mixed_batches(self, count: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        for chunk in torch.randperm(len(self.labels["train"]), generator=generator).tensor_split(count):
            yield self.images["train"][chunk], self.labels["train"][chunk].to(self.device)

    def score(self, tickets: Sequence[nn.Module]) -> list[Score]:
        """The paper's rule for tickets: class k is claimed where ticket k's probability is above one half."""
        scores = {
            split: torch.stack([self._logits(ticket, split)[:, k] for k, ticket in enumerate(tickets)], dim=1)
            for split in ("validation", "test")
        }
        probabilities = {split: logits.sigmoid() for split, logits in scores.items()}
        return self._score(probabilities, probabilities["test"] > 0.5)

    def score_single(self, network: nn.Module) -> list[Score]:
        """The paper's rule for one softmax network: the class of largest probability is claimed."""
        probabilities = {split: self._logits(network, split).softmax(1) for split in ("validation", "test")}
        claimed = F.one_hot(probabilities["test"].argmax(1), len(self.subsets)).bool()
        return self._score(probabilities, claimed)

    def _score(self, probabilities: dict[str, Tensor], decisions: Tensor) -> list[Score]:
        from rtl_core.evaluation import matched_scores, paper_scores  # torchmetrics takes seconds to import

        return paper_scores(decisions, self.labels["test"], self.subsets) + matched_scores(
            probabilities["validation"],
            self.labels["validation"],
            probabilities["test"],
            self.labels["test"],
            self.subsets,
        )

    def across_subsets(self, network: nn.Module) -> AcrossSubsets:
        """AUROC of each output on its class, and the class of the largest output, on up to 2,000 test images."""
        from torchmetrics.functional.classification import multilabel_auroc

        step = -(-len(self.labels["test"]) // ACROSS_SUBSETS)
        logits, truth = self._logits(network, "test", step), F.one_hot(self.labels["test"][::step], len(self.subsets))
        auroc = multilabel_auroc(logits.sigmoid(), truth, len(self.subsets), average=None)
        return AcrossSubsets("auroc", tuple(auroc.tolist()), logits.argmax(1))

    @torch.inference_mode()
    def _logits(self, network: nn.Module, split: str, step: int = 1) -> Tensor:
        images = self.images[split][::step]
        return torch.cat([network(part).double().cpu() for part in images.split(EVALUATION_BATCH)])


def _one_vs_rest_loss(k: int, network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    images, targets = batch
    return F.binary_cross_entropy_with_logits(network(images)[:, k], targets)


def _softmax_loss(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    images, labels = batch
    return F.cross_entropy(network(images), labels)
