"""What a ticket makes of somebody's recording: speech without its noise, at any length, rate and number of channels."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from rtl_core.networks.speech_unet import CONTEXT, HOP, RATE, SILENCE, SpeechUNet
from rtl_core.problems.speech.audio_file import facts_of, read_blocks, resampled, with_context

STRETCH = 625 * HOP
"""Samples that are enhanced at a time, ten seconds: memory does not grow with a recording."""
MARGIN = (CONTEXT + 3) * HOP
"""Samples to each side that an enhanced one depends on: to the mask's context, the frames that lie across add three."""


def enhanced(network: SpeechUNet, source: Path) -> Iterator[Tensor]:
    """The recording in an audio file without its noise, float32 [C, L] for each ten seconds or so, one after another.

    Rate, channels and number of samples are the file's own. Each channel is enhanced by itself, at 16 kHz: what lies
    above 8 kHz is lost. Side by side the blocks are what the network makes of the whole signal, samples beyond ±1 too,
    which most files cannot hold. The file is read twice.

    Raises:
        DataError: as with ``read_blocks``.
    """
    facts = facts_of(source)
    rate, left = facts.rate, facts.frames
    levels = _levels_of(read_blocks(source, RATE))
    for block in resampled(_enhanced_stretches(network, read_blocks(source, RATE), levels), RATE, rate):
        yield block[:, :left]
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
