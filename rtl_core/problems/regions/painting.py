"""The image that a ticket file holds, at any resolution."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from rtl_core.errors import TicketFileError
from rtl_core.networks.coordinate_mlp import CoordinateMLP, fourier_features
from rtl_core.tickets import Tickets

LEAST_SIDE, MOST_SIDE = 11, 4096
"""Pixels: what the windows of SSIM take, and what memory has room for."""
LEAST_FREQUENCY, MOST_FREQUENCY = 0.01, 10_000
"""ω of sin(ω x), whose initial weights are numbers of float32."""
BLOCK = 1 << 16
"""Pixels that are painted at a time, so that memory does not grow with the size of an image."""


@torch.inference_mode()
def paint(tickets: Tickets, name: str, size: tuple[int, int] | None = None) -> Tensor:
    """The image that a ticket file holds, uint8 [H, W, 3]: K tickets, or the one network of IMP single.

    Args:
        tickets: what the file holds.
        name: what messages call the file.
        size: height and width in pixels; None takes those that the network was trained at. A pixel belongs to the
            region that the nearest pixel of the map belongs to.

    Raises:
        TicketFileError: it holds no coordinate network, one that is unsound, or one of K networks that share nothing.
    """
    regions, frequency = _map_and_frequency(tickets.statistics, name)
    single, count = "embedding" in tickets.dense, int(regions.max()) + 1
    if len(tickets.subsets) != (1 if single else count):
        raise TicketFileError(f"{name}: holds {len(tickets.subsets)} of the image's {count} regions; allowed: all")
    new_network = partial(CoordinateMLP, regions, frequency, torch.Generator(), single)
    if not tickets.fits(new_network()):
        raise TicketFileError(f"{name}: its weights are not those of a network of the problem ImageRegions")
    networks = [tickets.network(subset, new_network()) for subset in range(len(tickets.subsets))]
    height, width = size or regions.shape
    painted = torch.empty(height, width, 3, dtype=torch.uint8)
    at_a_time = max(1, BLOCK // width)
    for first in range(0, height, at_a_time):
        rows = range(first, min(first + at_a_time, height))
        features = fourier_features(height, width, rows)
        region = _nearest(regions, height, width, rows).flatten().long()
        colours = networks[0](features, region) if single else _each_by_its_own(networks, features, region)
        painted[rows.start : rows.stop] = bytes_of(colours).reshape(len(rows), width, 3)
    return painted


def _map_and_frequency(statistics: Sequence[Mapping[str, Tensor]], name: str) -> tuple[Tensor, float]:
    """The map of the regions that a ticket file holds, uint8 [H, W], and the ω of its sines, 0 for ReLU."""
    buffers, *others = statistics
    if not {"regions", "sine_frequency"} <= buffers.keys():
        raise TicketFileError(f"{name}: holds no image; allowed: ticket files of the problem ImageRegions")
    regions, frequency = buffers["regions"], buffers["sine_frequency"]
    if (
        regions.dtype != torch.uint8
        or regions.ndim != 2
        or not 1 <= min(regions.shape) <= max(regions.shape) <= MOST_SIDE
    ):
        raise TicketFileError(
            f"{name}: regions: found {regions.dtype} {list(regions.shape)}; "
            f"allowed: {torch.uint8} [H, W], up to {MOST_SIDE} a side"
        )
    if not all(torch.equal(regions, other["regions"]) for other in others):
        raise TicketFileError(f"{name}: regions: found maps that differ; allowed: one map for all tickets")
    if (
        frequency.dtype != torch.float32
        or frequency.ndim
        or not (frequency == 0 or LEAST_FREQUENCY <= frequency <= MOST_FREQUENCY)
    ):
        raise TicketFileError(
            f"{name}: sine_frequency: found {frequency.dtype} {frequency.flatten()[:3].tolist()}; "
            f"allowed: 0, or {LEAST_FREQUENCY} to {MOST_FREQUENCY}"
        )
    return regions, float(frequency)


def _each_by_its_own(networks: Sequence[nn.Module], features: Tensor, region: Tensor) -> Tensor:
    colours = torch.empty(len(region), 3)
    for subset, network in enumerate(networks):
        mine = region == subset
        colours[mine] = network(features[mine])
    return colours


def _nearest(regions: Tensor, height: int, width: int, rows: range) -> Tensor:
    """The regions of some rows of a map that is scaled to another size, uint8 [rows, W]."""
    places = (torch.tensor(rows), height, len(regions)), (torch.arange(width), width, regions.shape[1])
    of_rows, of_columns = (((place + 0.5) * old / new).long() for place, new, old in places)
    return regions[of_rows[:, None], of_columns]


def bytes_of(colours: Tensor) -> Tensor:
    """Colours, float within 0 to 1, in 8 bits."""
    return (colours.clamp(0, 1) * 255).round().to(torch.uint8)
