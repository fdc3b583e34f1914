"""Image classification with one ticket per subset of classes: each decides whether an image is of its subset."""

from collections.abc import Iterator, Sequence
from copy import copy
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rtl_core.description.decision import Classes, Decision
from rtl_core.description.decision import OneVsRest as OneAgainstRest
from rtl_core.probability import probability_of
from rtl_core.problem import AcrossSubsets, Objective, Score
from rtl_core.problems.images.image_classification import Batch, ImageClassification
from rtl_core.scoring import MEAN, commonest_share


class OneVsRest(ImageClassification):
    """Ticket k reads output k of K, and learns the images of subset k, a class or a cluster, against all others.

    Its batches hold as many negatives, drawn from the other subsets, as positives (paper section 2). The one network
    of IMP single claims the subset of its likeliest class.
    """

    def _divide(self, part: Tensor) -> None:
        super()._divide(part)
        outputs = torch.arange(len(self.subsets), device=self.device)
        self._own_first = [outputs.roll(-k).unsqueeze(0) for k in range(len(outputs))]
        self._known_targets: dict[tuple[int, int], Tensor] = {}
        self.others = [(part != k).nonzero().squeeze(1) for k in range(len(self.subsets))]

    def random_partition(self, generator: torch.Generator) -> "OneVsRest":
        """Training images in K parts of equal size whatever their class; tickets learn to tell their part."""
        dealt = copy(self)
        count = len(self.labels["train"])
        dealt._divide(torch.randperm(count, generator=generator) % len(self.subsets))
        return dealt

    @property
    def objectives(self) -> Sequence[Objective]:
        return [
            self._objective(name, partial(self._balanced_batches, k), 2 * len(self.members[k]), _one_vs_rest_loss)
            for k, name in enumerate(self.subsets)
        ]

    def _balanced_batches(self, k: int, generator: torch.Generator) -> Iterator[Batch]:
        """Images, whether each is of subset k, and the outputs of each, int64 [B, K], the one that is read first."""
        positives, others = self.members[k], self.others[k]
        repeats = -(-len(positives) // len(others))  # more than one where the subset is most of the data
        drawn = others[torch.randperm(len(others), generator=generator)].repeat(repeats)[: len(positives)]
        shuffled = positives[torch.randperm(len(positives), generator=generator)]
        varied = self._varied(generator)
        count = self._batch_count(2 * len(positives))
        pairs = list(zip(shuffled.tensor_split(count), drawn.tensor_split(count), strict=True))
        indices = torch.cat([part for pair in pairs for part in pair]).to(self.device)  # once, not batch by batch
        for (chunk, negatives), index in zip(pairs, indices.split([len(a) + len(b) for a, b in pairs]), strict=True):
            yield varied(index), self._targets(len(chunk), len(negatives)), self._own_first[k].expand(len(index), -1)

    def _targets(self, positives: int, negatives: int) -> Tensor:
        """Ones, then zeros; made once for each pair of numbers, whatever mode asks first: training takes them too."""
        if (positives, negatives) not in self._known_targets:
            with torch.inference_mode(False):
                targets = torch.cat([torch.ones(positives), torch.zeros(negatives)]).to(self.device)
            self._known_targets[positives, negatives] = targets
        return self._known_targets[positives, negatives]

    def _decision(self, one_network: bool) -> Decision:
        if one_network:
            return Classes(classes=self.classes, among={})
        return OneAgainstRest(outputs={name: k for k, name in enumerate(self.subsets)}, thresholds={})

    def score(self, tickets: Sequence[nn.Module]) -> list[Score]:
        """The paper's rule for tickets: subset k is claimed where ticket k's probability is above one half."""
        scores = {
            split: torch.stack([self._logits(ticket, split)[:, k] for k, ticket in enumerate(tickets)], dim=1)
            for split in ("validation", "test")
        }
        probabilities = {split: probability_of(logits) for split, logits in scores.items()}
        return self._score(probabilities, probabilities["test"] > 0.5)

    def score_single(self, network: nn.Module) -> list[Score]:
        """The paper's rule for one softmax network: the subset of the class of largest probability is claimed.

        A cluster's probability is the sum over its classes. Where there are clusters, ``class_accuracy`` is the
        network's accuracy on the C classes.
        """
        probabilities = {split: self._logits(network, split).softmax(1) for split in ("validation", "test")}
        classes = probabilities["test"].argmax(1)
        claimed = F.one_hot(self.cluster_of[classes], len(self.subsets)).bool()
        scores = self._score({split: self._of_subsets(values) for split, values in probabilities.items()}, claimed)
        if len(self.classes) > len(self.subsets):
            accuracy = (classes == self.labels["test"]).double().mean().item()
            chance = commonest_share(self.labels["test"])
            scores.append(Score("matched", "class_accuracy", MEAN, accuracy, higher_is_better=True, chance=chance))
        return scores

    def _answers(self, classes: Tensor) -> Tensor:
        """Their subsets: of more, nobody is asked."""
        return self.cluster_of[classes]

    def _of_subsets(self, of_classes: Tensor) -> Tensor:
        """Probabilities of subsets, float [N, K], from those of classes, float [N, C]."""
        return of_classes.new_zeros(len(of_classes), len(self.subsets)).index_add(1, self.cluster_of, of_classes)

    def _score(self, probabilities: dict[str, Tensor], decisions: Tensor) -> list[Score]:
        from rtl_core.evaluation import matched_scores, paper_scores  # torchmetrics takes seconds to import

        return paper_scores(decisions, self.subset_of("test"), self.subsets) + matched_scores(
            probabilities["validation"],
            self.subset_of("validation"),
            probabilities["test"],
            self.subset_of("test"),
            self.subsets,
        )

    def across_subsets(self, network: nn.Module) -> AcrossSubsets:
        """AUROC of each output on its subset, and the subset of the largest output, on up to 2,000 test images."""
        from torchmetrics.functional.classification import multilabel_auroc

        logits = self._logits(network, "test", self._spread)
        truth = F.one_hot(self.subset_of("test")[self._spread], len(self.subsets))
        auroc = multilabel_auroc(logits.sigmoid(), truth, len(self.subsets), average=None)
        return AcrossSubsets("auroc", tuple(auroc.tolist()), logits.argmax(1))


def _one_vs_rest_loss(network: nn.Module, batch: Batch) -> Tensor:
    """One loss for all subsets: a captured one serves them all, too."""
    images, targets, outputs = batch
    return F.binary_cross_entropy_with_logits(network(images).gather(1, outputs)[:, 0], targets)
