"""Which processor computes: a CUDA device where there is one, or the CPU."""

import torch

from rtl_core.errors import SettingsError


def device_of(name: str) -> torch.device:
    """The device behind ``cpu``, ``cuda`` or ``auto`` (CUDA where it is present).

    CUDA is told, for the whole process, to compute in full float32 and to repeat itself bit for bit.

    Raises:
        SettingsError: CUDA is asked for, and there is none.
    """
    present = torch.cuda.is_available()
    if name == "cuda" and not present:
        raise SettingsError("training.device: found 'cuda', but torch finds no CUDA device; allowed here: auto, cpu")
    if not present or name == "cpu":
        return torch.device("cpu")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    return torch.device("cuda")
