"""What a network makes of the images of each class: its features, averaged over them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from rtl_core.networks.initialisation import initialise
from rtl_core.networks.small_cnn import small_cnn
from rtl_core.one_thread import one_thread
from rtl_core.problems.images.labelled_images import LabelledImages
from rtl_core.randomness import Stream

STEPS, BATCH, LEARNING_RATE = 750, 128, 3e-3
"""Adam's steps: six passes over 15,000 images."""
SIDE = 32
"""Pixels of an image at most: larger ones are averaged down."""
AT_ONCE = 1000


def class_features(data: LabelledImages, num_classes: int, seed: int) -> NDArray[np.float64]:
    """Features of a small classifier that was trained on the images for a moment: float64 [C, 32].

    They are what its last layer reads, averaged over the images of a class. No downloaded weights are needed, and
    the classes are not seen through ImageNet's. The same images and seed give the same features on any number of
    threads.
    """
    with one_thread():
        images = torch.cat([_small(part) for part in data.images.split(AT_ONCE)])
        network = _trained(images, data.labels, num_classes, Stream(seed).at(draw="class features"))
        means: NDArray[np.float64] = _class_means(network[:-1], images, data.labels, num_classes).numpy()
    return means


def _small(images: Tensor) -> Tensor:
    height, width = (min(side, SIDE) for side in images.shape[-2:])
    return F.adaptive_avg_pool2d(images.float(), (height, width)).round().to(torch.uint8)


def _trained(images: Tensor, labels: Tensor, num_classes: int, stream: Stream) -> nn.Sequential:
    channels = images.shape[1]
    network = nn.Sequential(nn.BatchNorm2d(channels, affine=False), *small_cnn(channels, num_classes))
    initialise(network, stream.at(draw="weights").generator())
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    batches = stream.at(draw="batches").generator()
    for _ in range(STEPS):
        drawn = torch.randint(len(images), (BATCH,), generator=batches)
        optimizer.zero_grad()
        F.cross_entropy(network(_floats(images[drawn])), labels[drawn]).backward()
        optimizer.step()
    network.eval()
    return network


@torch.no_grad()
def _class_means(features: nn.Module, images: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    vectors = torch.cat([features(_floats(part)) for part in images.split(AT_ONCE)]).double()
    sums = torch.zeros(num_classes, vectors.shape[1], dtype=vectors.dtype).index_add_(0, labels, vectors)
    return sums / torch.bincount(labels, minlength=num_classes).unsqueeze(1)


def _floats(images: Tensor) -> Tensor:
    return images.to(torch.float32, memory_format=torch.channels_last)  # the faster layout on a CPU
