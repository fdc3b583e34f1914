"""The network of a ticket file that takes the noise off speech."""

from typing import cast

from rtl_core.description.architecture import SpeechNetwork
from rtl_core.errors import TicketFileError
from rtl_core.networks.speech_unet import SpeechUNet
from rtl_core.use.tickets_in_use import TicketsInUse


def speech_network(tickets: TicketsInUse, scene: str | None = None) -> SpeechUNet:
    """The network for one acoustic scene, in evaluation mode, on the CPU; see ``enhanced`` for recordings.

    Raises:
        TicketFileError: the file holds no network that enhances speech.
        SettingsError: it has no ticket for the scene.
    """
    architecture = tickets.about.architecture if tickets.about else None
    if not isinstance(architecture, SpeechNetwork):
        raise TicketFileError(f"{tickets.name}: enhances no speech; allowed: ticket files of the problem SpeechScenes")
    return cast(SpeechUNet, tickets.context(scene).cpu())
