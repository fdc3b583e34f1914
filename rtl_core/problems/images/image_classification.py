"""What every job on labelled images shares: their classes in K subsets, the networks, and one model for all of them."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from rtl_core.device import device_of
from rtl_core.errors import DataError
from rtl_core.networks import CLASSIFIERS, prunable_convolutions
from rtl_core.networks.initialisation import initialise
from rtl_core.problem import Objective, Problem
from rtl_core.problems.images.stored_images import load_images

EVALUATION_BATCH = 1000
ACROSS_SUBSETS = 2000
"""On how many test images, spread evenly, tickets are held against each other."""


class ImageClassification(Problem):
    """Images of C classes in K subsets: clusters of classes, or each class on its own.

    IMP single is one softmax classifier over all C classes, whatever tickets are asked.
    """

    fewest_classes: ClassVar[int] = 1
    """So many classes each cluster needs for this job."""

    def __init__(
        self,
        folder: Path,
        *,
        network: Annotated[Literal["small_cnn", "ghostnet"], Field(description="classifier, by name")] = "small_cnn",
        batch_size: Annotated[int, Field(ge=4, description="images a batch, negatives included")] = 64,
        device: Annotated[Literal["auto", "cpu", "cuda"], Field(description="auto takes CUDA if present")] = "auto",
    ) -> None:
        stored = load_images(folder)
        self.classes, self.subsets = stored.classes, stored.clusters.names
        self.cluster_of = torch.tensor(stored.clusters.of_class)
        self._check_clusters()
        self.architecture = network
        self.batch_size = batch_size
        self.device = device_of(device)
        train = stored.splits["train"].images.float()
        mean, deviation = train.mean((0, 2, 3), keepdim=True), train.std((0, 2, 3), keepdim=True)
        deviation[deviation == 0] = 1  # a channel in which all images are alike
        self.images = {
            name: ((data.images.float() - mean) / deviation).to(self.device, memory_format=torch.channels_last)
            for name, data in stored.splits.items()
        }
        self.labels = {name: data.labels for name, data in stored.splits.items()}
        self._divide(self.subset_of("train"))

    def _check_clusters(self) -> None:
        for k, name in enumerate(self.subsets):
            if (count := len(self.classes_of(k))) < self.fewest_classes:
                raise DataError(
                    f"cluster {name!r}: found {count} class; allowed: {self.fewest_classes} and more, to be told apart"
                )

    def _divide(self, part: Tensor) -> None:
        """Let training image n belong to part ``part[n]``."""
        self.members = [(part == k).nonzero().squeeze(1) for k in range(len(self.subsets))]

    def classes_of(self, k: int) -> Tensor:
        """The classes in cluster k, int64, increasing."""
        return (self.cluster_of == k).nonzero().squeeze(1)

    def subset_of(self, split: str) -> Tensor:
        """The subset that each image of a split belongs to, int64 [N]."""
        return self.cluster_of[self.labels[split]]

    def single_network(self, generator: torch.Generator) -> nn.Module:
        """The tickets' backbone and C outputs."""
        return self._classifier(generator, len(self.classes))

    def _classifier(self, generator: torch.Generator, outputs: int) -> nn.Module:
        channels = self.images["train"].shape[1]
        return initialise(CLASSIFIERS[self.architecture](channels, outputs), generator).to(self.device)

    def prunable(self, network: nn.Module) -> Sequence[str]:
        return prunable_convolutions(network)

    @property
    def facts(self) -> Mapping[str, Any]:
        """The classes of each cluster, where classes are clustered."""
        if len(self.classes) == len(self.subsets):
            return {}
        members = {name: self.classes_of(k).tolist() for k, name in enumerate(self.subsets)}
        return {"clusters": {name: [self.classes[c] for c in members[name]] for name in self.subsets}}

    @property
    def single_objective(self) -> Objective:
        everything = torch.arange(len(self.labels["train"]))
        return Objective("all", partial(self._batches, everything), self._batch_count(len(everything)), _softmax_loss)

    def _batch_count(self, images: int) -> int:
        return -(-images // self.batch_size)

    def _batches(self, members: Tensor, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Training images ``members``, each once, with their classes."""
        shuffled = members[torch.randperm(len(members), generator=generator)]
        for chunk in shuffled.tensor_split(self._batch_count(len(members))):
            yield self.images["train"][chunk], self.labels["train"][chunk].to(self.device)

    @property
    def _spread(self) -> slice:
        """Up to 2,000 test images."""
        return slice(None, None, -(-len(self.labels["test"]) // ACROSS_SUBSETS))

    @torch.inference_mode()
    def _logits(self, network: nn.Module, split: str, which: slice | Tensor = slice(None)) -> Tensor:
        images = self.images[split][which]
        return torch.cat([network(part).double().cpu() for part in images.split(EVALUATION_BATCH)])


def _softmax_loss(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    images, labels = batch
    return F.cross_entropy(network(images), labels)
