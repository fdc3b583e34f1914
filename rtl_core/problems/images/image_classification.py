"""What every job on labelled images shares: their classes in K subsets, the networks, and one model for all of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from pydantic import BeforeValidator, Field
from torch import Tensor, nn
from torch.nn import functional as F

from rtl_core.context_examples import ContextExamples
from rtl_core.description.about import Usage
from rtl_core.description.architecture import Classifier as ClassifierNetwork
from rtl_core.description.decision import Decision
from rtl_core.description.statement import stated
from rtl_core.device import DeviceName, device_of
from rtl_core.errors import DataError
from rtl_core.networks.classifier import Classifier
from rtl_core.networks.constructors import network_name
from rtl_core.networks.pretrained import Pretrained
from rtl_core.precision import Precision, check_precision, products_in
from rtl_core.problem import Objective, Problem
from rtl_core.problems.images.at_a_time import images_at_a_time
from rtl_core.problems.images.augmentation import Augmentation, Variations
from rtl_core.problems.images.large_images import are_large
from rtl_core.problems.images.normalisation import mean_and_deviation, normalisation, preprocessing_of
from rtl_core.problems.images.stored_images import load_images
from rtl_core.problems.images.streamed_images import StreamedImages, prepared
from rtl_core.problems.source_path import source_path

Batch = tuple[Tensor, ...]
Loss = Callable[[nn.Module, Batch], Tensor]

ACROSS_SUBSETS = 2000
"""On how many test images, spread evenly, tickets are held against each other."""


class ImageClassification(Problem):
    """Images of C classes in K subsets: clusters of classes, or each class on its own.

    IMP single is one softmax classifier over all C classes, whatever tickets are asked.
    """

    fewest_classes: ClassVar[int] = 1
    """So many classes each cluster needs for this job."""
    white: ClassVar[int] = 255
    """The largest value of its images."""
    fitted: ClassVar[bool] = False
    """Whether images of other sizes are scaled to theirs and cut."""

    def __init__(
        self,
        folder: Path,
        *,
        network: Annotated[
            str,
            BeforeValidator(network_name),
            Field(description="small_cnn, ghostnet, timm:NAME or an import path (torchvision.models:resnet18)"),
        ] = "small_cnn",
        network_arguments: Annotated[dict[str, Any], Field(description="keyword arguments of the network")] = {},  # noqa: B006
        prunable: Annotated[
            list[str],
            Field(description="patterns of the parameters that masks cover; empty: all weights but the classifier's"),
        ] = [],  # noqa: B006
        checkpoint: Annotated[
            str, Field(description="file of weights (.safetensors, .pt, .pth) that tickets start from; empty: drawn")
        ] = "",
        batch_size: Annotated[int, Field(ge=4, description="images a batch, negatives included")] = 64,
        augment: Annotated[
            list[Augmentation], Field(max_length=2, description="variations of training images: flip, crop")
        ] = [],  # noqa: B006
        normalise: Annotated[
            str | dict[str, list[float]],
            BeforeValidator(normalisation),
            Field(description="by the training images (data), imagenet, or {mean: [...], std: [...]}"),
        ] = "data",
        precision: Annotated[
            Precision, Field(description="of matrix products in training: float32, or on CUDA tf32, or bfloat16")
        ] = "float32",
        device: DeviceName = "auto",
    ) -> None:
        stored = load_images(folder)
        self.classes, self.subsets = stored.classes, stored.clusters.names
        self.cluster_of = torch.tensor(stored.clusters.of_class)
        self._check_clusters()
        self.batch_size = batch_size
        self.augment = augment
        self.device = device_of(device)
        check_precision(precision, self.device)
        self.precision = precision
        channels, height, width = stored.splits["train"].images.shape[1:]
        pretrained = Pretrained(source_path(checkpoint, "training.checkpoint")) if checkpoint else None
        self.classifier = Classifier(
            network, network_arguments, (channels, height, width), len(self.classes), prunable, pretrained
        )
        self._starts_from = self._described_start(checkpoint)
        splits = {
            name: data.images.expand(-1, self.classifier.channels, -1, -1) for name, data in stored.splits.items()
        }
        is_large = are_large(splits.values())
        mean, deviation = mean_and_deviation(normalise, splits["train"], is_large)
        how = (mean, deviation, self.device)
        self._preprocessing = preprocessing_of(stored.splits["train"].images, self.white, self.fitted, mean, deviation)
        self.images: dict[str, Tensor | StreamedImages] = {
            name: StreamedImages(images, *how) if is_large else prepared(images, *how)
            for name, images in splits.items()
        }
        self.labels = {name: data.labels for name, data in stored.splits.items()}
        self._divide(self.subset_of("train"))

    def _check_clusters(self) -> None:
        for k, name in enumerate(self.subsets):
            if (count := len(self.classes_of(k))) < self.fewest_classes:
                raise DataError(
                    f"cluster {name!r}: found {count} class; allowed: {self.fewest_classes} and more, to be told apart"
                )

    def _described_start(self, checkpoint: str) -> str:
        """One line on what networks take from the file that they start from; empty where there is none."""
        fits = {
            job: self.classifier.fit(outputs)
            for job, outputs in (("tickets", self.outputs), ("one network for all", len(self.classes)))
        }
        lines = {job: str(fit) for job, fit in fits.items() if fit}
        if len({*lines.values()}) == 1:
            lines = {checkpoint: lines["tickets"]}
        return "; ".join(f"{title}: {line}" for title, line in lines.items())

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

    @property
    def outputs(self) -> int:
        """Of a ticket's network."""
        return len(self.subsets)

    def network(self, generator: torch.Generator) -> nn.Module:
        return self._classifier(generator, self.outputs)

    def _classifier(self, generator: torch.Generator, outputs: int) -> nn.Module:
        return self.classifier(outputs, generator).to(self.device)

    def prunable(self, network: nn.Module) -> Sequence[str]:
        return self.classifier.prunable(network)

    @property
    def starts_from(self) -> str:
        return self._starts_from

    def usage(self, one_network: bool = False) -> Usage:
        network = stated(
            ClassifierNetwork,
            name=self.classifier.constructor.name,
            arguments=dict(self.classifier.constructor.arguments),
            channels=self.classifier.channels,
            outputs=len(self.classes) if one_network else self.outputs,
        )
        return Usage(network, self._preprocessing, self._decision(one_network))

    def _decision(self, one_network: bool) -> Decision | None:
        """What outputs mean, of a ticket's network or of IMP single's."""
        return None

    def context_examples(self, split: str) -> ContextExamples | None:
        if split not in self.images:
            return None
        return ContextExamples(
            self.subset_of(split),
            self._answers(self.labels[split]),
            partial(self._logits, split=split),
            self.images[split].__getitem__,
            lambda network: self._answers(self._logits(network, split).argmax(1)),
        )

    def _answers(self, classes: Tensor) -> Tensor:
        """What is answered by those who take images for these classes, int64 [N]."""
        return classes

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
        return self._objective("all", partial(self._batches, everything), len(everything), _softmax_loss)

    def _objective(
        self, name: str, batches: Callable[[torch.Generator], Iterator[Batch]], images: int, loss: Loss
    ) -> Objective:
        return Objective(name, batches, self._batch_count(images), loss, self.precision)

    def _batch_count(self, images: int) -> int:
        return -(-images // self.batch_size)

    def _batches(self, members: Tensor, generator: torch.Generator) -> Iterator[Batch]:
        """Training images ``members``, each once, with their classes."""
        shuffled = members[torch.randperm(len(members), generator=generator)]
        varied = self._varied(generator)
        labels = self.labels["train"][shuffled].to(self.device)
        count = self._batch_count(len(members))
        for index, classes in zip(
            shuffled.to(self.device).tensor_split(count), labels.tensor_split(count), strict=True
        ):
            yield varied(index), classes

    def _varied(self, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
        """Training images by their numbers, int64 [B] on the device, in the variations that are drawn for one epoch."""
        images = self.images["train"]
        variations = Variations(self.augment, len(images), images.shape[2:], generator, self.device)
        return lambda which: variations.applied(images[which], which)

    @property
    def _spread(self) -> slice:
        """Up to 2,000 test images."""
        return slice(None, None, -(-len(self.labels["test"]) // ACROSS_SUBSETS))

    @torch.inference_mode()
    def _logits(self, network: nn.Module, split: str, which: slice | Tensor = slice(None)) -> Tensor:
        images = self.images[split]
        count = images_at_a_time(images.shape[2:], self.device)
        parts = images[which].split(count) if isinstance(images, Tensor) else images.parts(which, count)
        with products_in("float32", self.device):
            return torch.cat([network(part).double().cpu() for part in parts])


def _softmax_loss(network: nn.Module, batch: Batch) -> Tensor:
    images, labels = batch
    return F.cross_entropy(network(images), labels)
