"""What a ticket makes of somebody's recording: speech without its noise, at any length, rate and number of channels."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from rtl_core.errors import SettingsError, TicketFileError
from rtl_core.networks.speech_unet import CONTEXT, HOP, RATE, SILENCE, SpeechUNet
from rtl_core.problems.speech.audio_file import facts_of, read_blocks, resampled, with_context
from rtl_core.tickets import Tickets

STRETCH = 625 * HOP
"""Samples that are enhanced at a time, ten seconds: memory does not grow with a recording."""
MARGIN = (CONTEXT + 3) * HOP
"""Samples to each side that an enhanced one depends on: to the mask's context, the frames that lie across add three."""
ALL = "all"
"""Name of the one network that serves every scene (IMP single)."""


def network_for(tickets: Tickets, name: str, scene: str = "") -> SpeechUNet:
    """The network for one acoustic scene, in evaluation mode.

    Args:
        tickets: what the file holds.
        name: what messages call the file.
        scene: one of the file's. Where the file holds one network, it may be left out; where that network serves every
            scene, it may be any.

    Raises:
        TicketFileError: the file holds no network that enhances speech.
        SettingsError: it has no ticket for the scene.
    """
    network = SpeechUNet(torch.Generator())
    if not tickets.fits(network):
        raise TicketFileError(f"{name}: enhances no speech; allowed: ticket files of the problem SpeechScenes")
    tickets.network(_place_of(scene, tickets.subsets, name), network)
    return network


def _place_of(scene: str, subsets: tuple[str, ...], name: str) -> int:
    if subsets == (ALL,) or (not scene and len(subsets) == 1):
        return 0
    if scene not in subsets:
        given = repr(scene) if scene else "none"
        raise SettingsError(f"scene: found {given}; allowed with {name}: {', '.join(subsets)}")
    return subsets.index(scene)


def enhanced(network: SpeechUNet, source: Path) -> Iterator[Tensor]:
    """The recording in an audio file without its noise, float32 [C, L] for each ten seconds or so, one after another.

    Rate, channels and number of samples are the file's own. Each channel is enhanced by itself, at 16 kHz: what lies
    above 8 kHz is lost. Side by side the blocks are what the network makes of the whole signal, except that samples
    beyond ±1, which most files cannot hold, become ±1. The file is read twice.

    Raises:
        DataError: as with ``read_blocks``.
    """
    rate, _, left = facts_of(source)
    levels = _levels_of(read_blocks(source, RATE))
    for block in resampled(_enhanced_stretches(network, read_blocks(source, RATE), levels), RATE, rate):
        yield block[:, :left].clamp(-1, 1)
        left -= block.shape[1]


def _levels_of(blocks: Iterable[Tensor]) -> Tensor:
    """``level_of`` a whole signal that comes in blocks [C, L]: float [C, 1]."""
    energy, length = torch.zeros(1, dtype=torch.double), 0
    for block in blocks:
        energy = energy + block.double().square().sum(1, keepdim=True)
        length += block.shape[1]
    return (energy / length).sqrt().clamp_min(SILENCE).float()


def _enhanced_stretches(network: SpeechUNet, blocks: Iterable[Tensor], levels: Tensor) -> Iterator[Tensor]:
    for piece, inside in with_context(blocks, STRETCH, MARGIN):
        with torch.inference_mode():
            channels = [network.at_level_one(channel) for channel in (piece / levels).split(1)]
        yield torch.cat(channels)[:, inside] * levels
