"""The network that a ticket file describes, made without data; what is in the file is data alone."""

import importlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from rtl_core.contexts.told_layer import widened
from rtl_core.description.architecture import Architecture, Classifier, CoordinateNetwork, ImportedNetwork
from rtl_core.errors import TicketFileError, reason_of
from rtl_core.implicit_draws import drawn_from
from rtl_core.networks.constructors import constructor_of
from rtl_core.networks.coordinate_mlp import coordinate_mlp
from rtl_core.networks.speech_unet import speech_unet
from rtl_core.problems.regions.painting import LEAST_FREQUENCY, MOST_FREQUENCY, MOST_SIDE
from rtl_core.randomness import Stream
from rtl_core.tickets import Tickets
from rtl_core.use.allowed import check_allowed, check_listed

MORE = 100
"""Parameters that a network may have for a while, while it is made, beyond four for each tensor in its file."""


def network_of(tickets: Tickets, allow: Collection[str], name: str) -> nn.Module:
    """A network of the tickets' architecture, on the CPU; its weights are anything.

    Args:
        tickets: what the file holds.
        allow: import paths, ``module:name``, that the user trusts.
        name: what messages call the file.

    Raises:
        TicketFileError: the file does not say which network it is, names code that is not allowed, or describes one
            that cannot be made or has other weights.
    """
    architecture = tickets.about.architecture if tickets.about else None
    if architecture is None:
        raise TicketFileError(f"{name}: does not say what network it is of; allowed: context(…, into=network)")
    check_allowed(architecture, allow, name)
    try:
        make = _constructor(architecture, tickets, allow, name)
        with _bounded(tickets, name) if isinstance(architecture, Classifier) else nullcontext():
            if isinstance(architecture, Classifier):
                _try_without_memory(make, tickets, name)
            with drawn_from(Stream(0).at(draw="weights that are replaced")):
                network = make()
    except TicketFileError:
        raise
    except (Exception, SystemExit) as problem:  # whatever a constructor, or a module of the user's, raises
        raise TicketFileError(f"{name}: its network cannot be made ({reason_of(problem)[:200]})") from problem
    if not isinstance(network, nn.Module):
        raise TicketFileError(f"{name}: its constructor makes a {type(network).__name__}; allowed: an nn.Module")
    check_fits(tickets, network, name)
    return network


def check_fits(tickets: Tickets, network: nn.Module, name: str) -> None:
    """Refuse a network that is not what the tickets are of.

    Raises:
        TicketFileError: its tensors have other names or shapes.
    """
    if not tickets.fits(network):
        raise TicketFileError(f"{name}: its weights are not those of {type(network).__name__}; allowed: its network")


def _constructor(
    architecture: Architecture, tickets: Tickets, allow: Collection[str], name: str
) -> Callable[[], nn.Module]:
    if isinstance(architecture, Classifier):
        check_listed(architecture.name, allow, name)
        constructor = constructor_of(architecture.name, architecture.arguments)
        return partial(constructor, architecture.channels, architecture.outputs)
    if isinstance(architecture, ImportedNetwork):
        check_listed(architecture.path, allow, name)
        return _imported(architecture)
    if isinstance(architecture, CoordinateNetwork):
        regions, frequency = _map_and_frequency(tickets, name)
        how = (architecture.precision, regions, frequency, torch.Generator(), architecture.embedded)
        return partial(coordinate_mlp, *how)
    return partial(speech_unet, architecture.precision, torch.Generator())


def _imported(architecture: ImportedNetwork) -> Callable[[], nn.Module]:
    module, _, attribute = architecture.path.partition(":")
    found: Any = getattr(importlib.import_module(module), attribute)
    make, told = partial(found, *architecture.positional, **architecture.arguments), architecture.told
    return make if told is None else lambda: widened(make(), told.layer, told.contexts)


def _try_without_memory(make: Callable[[], nn.Module], tickets: Tickets, name: str) -> None:
    """Compare the shapes of a network with the file's before it takes up memory, as arguments come with the file."""
    try:
        with torch.device("meta"):
            network = make()
    except TicketFileError:
        raise
    except Exception:  # of a constructor that looks at values, of which there are none on this device
        return
    if not isinstance(network, nn.Module):
        return
    check_fits(tickets, network, name)


@contextmanager
def _bounded(tickets: Tickets, name: str) -> Iterator[None]:
    """Stop a constructor, called with arguments that came with a file, which makes far more layers than it holds."""
    most = MORE + 4 * (len(tickets.masks.layout.names) + len(tickets.dense))
    thread, made = get_ident(), 0

    def count(_module: nn.Module, _name: str, _parameter: nn.Parameter) -> None:
        nonlocal made
        made += get_ident() == thread
        if made > most:
            raise TicketFileError(f"{name}: its network has more than {most} parameters; allowed: those of the file")

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()


def _map_and_frequency(tickets: Tickets, name: str) -> tuple[Tensor, float]:
    """The map of the regions that a ticket file holds, uint8 [H, W], and the ω of its sines, 0 for ReLU."""
    buffers, *others = tickets.statistics
    if not {"regions", "sine_frequency"} <= buffers.keys():
        raise TicketFileError(f"{name}: holds no map of regions; allowed: ticket files of the problem ImageRegions")
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
