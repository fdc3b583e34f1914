"""What is taken from the values of an image's channels, and what they are divided by, before a network sees it."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from rtl_core.description.preprocessing import Images
from rtl_core.description.statement import stated
from rtl_core.errors import SettingsError
from rtl_core.problems.images.large_images import parts_of

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
"""Of the values 0 to 1, as torchvision's and timm's weights of ImageNet expect them."""
ALLOWED = "data, imagenet, or {mean: […], std: […]} with a number for each channel, of values from 0 to 1"
LARGEST = 255


def normalisation(given: object) -> object:
    """The setting, if it is one.

    Raises:
        ValueError: it is none; the message is what is allowed.
    """
    if given in ("data", "imagenet"):
        return given
    if not isinstance(given, Mapping) or {*given} != {"mean", "std"} or not all(map(_are_numbers, given.values())):
        raise ValueError(ALLOWED)
    if len(given["mean"]) != len(given["std"]) or min(given["std"]) <= 0:
        raise ValueError(ALLOWED)
    return given


def mean_and_deviation(
    setting: str | Mapping[str, Sequence[float]], images: Tensor, is_large: bool = False
) -> tuple[Tensor, Tensor]:
    """What to take from values 0 to 255 and what to divide by, each float [1, C, 1, 1].

    Args:
        setting: ``data`` takes the mean and standard deviation of each channel; ``imagenet``, or ``mean`` and ``std``
            of values from 0 to 1, are given.
        images: the training images, uint8 [N, C, H, W].
        is_large: they are not to be held in memory.

    Raises:
        SettingsError: what is given is for another number of channels.
    """
    if setting == "data":
        mean, deviation = _counted(images) if is_large else _of_all(images)
        deviation[deviation == 0] = 1  # a channel in which all images are alike
        return mean, deviation
    given = IMAGENET if isinstance(setting, str) else setting
    channels = images.shape[1]
    if len(given["mean"]) != channels:
        raise SettingsError(
            f"training.normalise: found {setting} for {len(given['mean'])} channels; allowed: for {channels}"
        )
    mean, deviation = (LARGEST * torch.tensor(given[name]).reshape(1, -1, 1, 1) for name in ("mean", "std"))
    return mean, deviation


def preprocessing_of(images: Tensor, white: int, fitted: bool, mean: Tensor, deviation: Tensor) -> Images | None:
    """What a ticket file says of its input, if that can be said.

    Args:
        images: as they are stored, uint8 [N, C, H, W].
        white: their largest value.
        fitted: whether images of other sizes are scaled to theirs and cut.
        mean, deviation: as ``mean_and_deviation`` gives them.
    """
    channels, height, width = images.shape[1:]
    return stated(
        Images,
        channels=channels,
        height=height,
        width=width,
        white=white,
        fitted=fitted,
        mean=tuple(mean.flatten().tolist()),
        deviation=tuple(deviation.flatten().tolist()),
    )


def _of_all(images: Tensor) -> tuple[Tensor, Tensor]:
    values = images.float()
    return values.mean((0, 2, 3), keepdim=True), values.std((0, 2, 3), keepdim=True)


def _counted(images: Tensor) -> tuple[Tensor, Tensor]:
    """The same of images that are not held in memory: exact, from how often each value is there."""
    counts = torch.zeros(images.shape[1], LARGEST + 1, dtype=torch.int64)
    for part in parts_of(images):
        for channel, values in enumerate(part.unbind(1)):
            counts[channel] += torch.bincount(values.reshape(-1), minlength=LARGEST + 1)
    values, shares = torch.arange(LARGEST + 1.0, dtype=torch.float64), counts.double()
    number = shares.sum(1, keepdim=True)
    mean = (shares * values).sum(1, keepdim=True) / number
    variance = (shares * (values - mean) ** 2).sum(1, keepdim=True) / (number - 1)
    return mean.float().reshape(1, -1, 1, 1), variance.sqrt().float().reshape(1, -1, 1, 1)


def _are_numbers(values: object) -> bool:
    return isinstance(values, Sequence) and bool(values) and all(type(value) in (int, float) for value in values)
