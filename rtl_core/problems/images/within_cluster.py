"""Image classification where the cluster of an image is known: each ticket tells the classes of its cluster apart."""

from collections.abc import Iterator, Sequence
from copy import copy
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtl_core.description.decision import Classes, Decision
from rtl_core.problem import AcrossSubsets, Objective, Score
from rtl_core.problems.images.image_classification import Batch, ImageClassification
from rtl_core.scoring import MEAN, commonest_share, mean_chance

PROTOCOL, METRIC = "within", "accuracy"


class WithinCluster(ImageClassification):
    """Ticket k reads the outputs, of C, of its own cluster's classes, and learns from its own cluster's images alone.

    The one network of IMP single learns all C classes, and is told the cluster at inference: of its outputs, too,
    only those of the cluster's classes count.
    """

    fewest_classes = 2

    def random_partition(self, generator: torch.Generator) -> "WithinCluster":
        """Whole classes dealt to clusters of the same sizes: what is in one part has nothing in common."""
        dealt = copy(self)
        dealt.cluster_of = self.cluster_of[torch.randperm(len(self.classes), generator=generator)]
        dealt._divide(dealt.subset_of("train"))
        return dealt

    def _divide(self, part: Tensor) -> None:
        super()._divide(part)
        self._read = [self.classes_of(k).to(self.device).unsqueeze(0) for k in range(len(self.subsets))]

    @property
    def outputs(self) -> int:
        return len(self.classes)

    @property
    def objectives(self) -> Sequence[Objective]:
        return [
            self._objective(name, partial(self._own_batches, k), len(self.members[k]), _restricted_loss)
            for k, name in enumerate(self.subsets)
        ]

    def _own_batches(self, k: int, generator: torch.Generator) -> Iterator[Batch]:
        """Images of cluster k, their classes, and the outputs that are read of each, int64 [B, classes of k]."""
        for images, labels in self._batches(self.members[k], generator):
            yield images, labels, self._read[k].expand(len(labels), -1)

    def _decision(self, one_network: bool) -> Decision:
        among = {name: tuple(self.classes_of(k).tolist()) for k, name in enumerate(self.subsets)}
        return Classes(classes=self.classes, among=among)

    def score(self, tickets: Sequence[nn.Module]) -> list[Score]:
        """Top-1 accuracy of ticket k among cluster k's classes, and the mean over clusters."""
        return self._score(
            [
                self._accuracy(self._logits(ticket, "test", index), index, k)
                for k, (ticket, index) in enumerate(zip(tickets, self._test_images(), strict=True))
            ]
        )

    def score_single(self, network: nn.Module) -> list[Score]:
        return self._score(self._accuracies(self._logits(network, "test")))

    def _score(self, accuracies: Sequence[float]) -> list[Score]:
        scores = [
            Score(PROTOCOL, METRIC, name, value, higher_is_better=True, chance=commonest_share(labels))
            for name, value, labels in zip(self.subsets, accuracies, self._test_labels(), strict=True)
        ]
        overall = sum(accuracies) / len(accuracies)
        return [*scores, scores[0]._replace(subset=MEAN, value=overall, chance=mean_chance(scores))]

    def across_subsets(self, network: nn.Module) -> AcrossSubsets:
        """The one ticket's accuracy on every cluster, as after a mistake in routing, and what it chooses among all C
        classes on up to 2,000 test images.
        """
        logits = self._logits(network, "test")
        return AcrossSubsets(METRIC, tuple(self._accuracies(logits)), logits[self._spread].argmax(1))

    def _test_images(self) -> list[Tensor]:
        """The test images of each cluster, as int64 indices."""
        return [(self.subset_of("test") == k).nonzero().squeeze(1) for k in range(len(self.subsets))]

    def _test_labels(self) -> list[Tensor]:
        """The classes of the test images of each cluster, int64."""
        return [self.labels["test"][index] for index in self._test_images()]

    def _accuracies(self, logits: Tensor) -> list[float]:
        """Accuracy on each cluster, from logits float [N, C] of all test images."""
        return [self._accuracy(logits[index], index, k) for k, index in enumerate(self._test_images())]

    def _accuracy(self, logits: Tensor, index: Tensor, k: int) -> float:
        """Share of the test images ``index`` whose class has the largest logit, float [N, C], in cluster k."""
        classes = self.classes_of(k)
        chosen = classes[logits[:, classes].argmax(1)]
        return (chosen == self.labels["test"][index]).double().mean().item()


def _restricted_loss(network: nn.Module, batch: Batch) -> Tensor:
    images, labels, classes = batch
    return F.cross_entropy(network(images).gather(1, classes), torch.searchsorted(classes[0].contiguous(), labels))
