"""Where the ticket files of a method are published."""

from pathlib import Path

from rtl_core.methods import METHODS
from tasks.artefacts import paths
from tasks.artefacts.paths import JobName


def published_tickets(name: JobName, method: str, seed: int, sparsity: float) -> list[Path]:
    """One file, or K of networks that share nothing; of a baseline none where its stage has not run."""
    if METHODS[method].kind == "rtl":
        return [paths.tickets(name, method, seed, sparsity)]
    return sorted(paths.baselines(name, method, seed, sparsity).glob("network-*.safetensors"))
