"""Which processor computes: a CUDA device where there is one, or the CPU."""

import torch

from rtl_core.errors import SettingsError


def device_of(name: str) -> torch.device:
    """The device behind ``cpu``, ``cuda`` or ``auto`` (CUDA where it is present).

    Raises:
        SettingsError: CUDA is asked for, and there is none.
    """
    present = torch.cuda.is_available()
    if name == "cuda" and not present:
        raise SettingsError("training.device: found 'cuda', but torch finds no CUDA device; allowed here: auto, cpu")
    return torch.device("cuda" if present and name != "cpu" else "cpu")
