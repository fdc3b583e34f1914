"""What a network takes in, made from somebody's inputs exactly as in training and scoring, so many at a time."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from rtl_core.context_problem import EVALUATION_BATCH as ARRAYS_AT_A_TIME
from rtl_core.contexts.examples import described
from rtl_core.description.preprocessing import Arrays, Images, Places, Preprocessing
from rtl_core.errors import DataError
from rtl_core.networks.coordinate_mlp import features_of
from rtl_core.networks.speech_unet import SIGNALS_AT_A_TIME
from rtl_core.problems.images.at_a_time import images_at_a_time
from rtl_core.problems.images.streamed_images import prepared
from rtl_core.problems.regions.painting import BLOCK as PLACES_AT_A_TIME


def checked_inputs(preprocessing: Preprocessing, inputs: Any) -> Tensor:
    """Inputs as a tensor in the CPU's memory, of the type and shape that the preprocessing starts from.

    Raises:
        DataError: they are no tensor, of another size or type, or hold a number that is not finite or out of range.
    """
    try:
        values = torch.as_tensor(inputs).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        raise DataError(f"inputs: found a {type(inputs).__name__}; allowed: a tensor, one row an example") from None
    if values.layout != torch.strided:
        raise DataError(f"inputs: found a {values.layout} tensor; allowed: a dense one, one row an example")
    dtype, shape = expected(preprocessing)
    values = _of_type(values, dtype)
    fits = values.ndim == len(shape) + 1 and all(
        wanted in (None, size) for wanted, size in zip(shape, values.shape[1:], strict=False)
    )
    if values.ndim and len(not_finite := (~values.isfinite()).nonzero()):
        raise DataError(
            f"inputs: found a number that is not finite in example {int(not_finite[0, 0])}; allowed: finite ones"
        )
    if values.dtype != dtype or not fits or not values.numel():
        wanted = ", ".join(["N", *("L" if side is None else str(side) for side in shape)])
        least = "" if values.numel() else ", with N ≥ 1"
        raise DataError(
            f"inputs: found {described(values)}; allowed: [{wanted}] {str(dtype).removeprefix('torch.')}{least}, as "
            "trained"
        )
    if isinstance(preprocessing, Images) and (most := int(values.max())) > preprocessing.white:
        raise DataError(f"inputs: found the value {most}; allowed: 0 to {preprocessing.white}, as trained")
    return values


def network_inputs(preprocessing: Preprocessing, values: Tensor, device: torch.device) -> Iterator[Tensor]:
    """What a network on a device is given, in as large parts as in scoring.

    Args:
        preprocessing: of the file.
        values: what ``checked_inputs`` gives, [N, …].
        device: the network's.
    """
    if isinstance(preprocessing, Images):
        mean, deviation = (
            torch.tensor(numbers).reshape(1, -1, 1, 1) for numbers in (preprocessing.mean, preprocessing.deviation)
        )
        for part in values.split(images_at_a_time(values.shape[2:], device)):
            yield prepared(part.expand(-1, len(preprocessing.mean), -1, -1), mean, deviation, device)
    elif isinstance(preprocessing, Places):
        for part in values.split(PLACES_AT_A_TIME):
            yield features_of(part).to(device)
    else:
        size = ARRAYS_AT_A_TIME if isinstance(preprocessing, Arrays) else SIGNALS_AT_A_TIME
        for part in values.split(size):
            yield part.to(device)


def expected(preprocessing: Preprocessing) -> tuple[torch.dtype, tuple[int | None, ...]]:
    """Type of the values that a preprocessing starts from, and shape of an example; None where it is free."""
    if isinstance(preprocessing, Images):
        return torch.uint8, (preprocessing.channels, preprocessing.height, preprocessing.width)
    if isinstance(preprocessing, Arrays):
        return getattr(torch, preprocessing.dtype), preprocessing.shape
    return (torch.float64, (2,)) if isinstance(preprocessing, Places) else (torch.float32, (None,))


def _of_type(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Numbers as another type where that says the same, rounding of fractions apart."""
    if dtype.is_floating_point:
        return values.to(dtype) if not values.is_complex() else values
    if values.is_floating_point() or values.is_complex():
        return values
    converted = values.to(dtype)
    return converted if torch.equal(converted.to(values.dtype), values) else values
