"""Where a long step keeps its last state, so that it goes on where it was interrupted."""

import hashlib
import shutil
import time
from pathlib import Path

from prefect.runtime import task_run
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from tasks.artefacts import paths
from tasks.artefacts.whole_file import write_atomically
from tasks.caching.cached_task import step_key
from tasks.process.status import forget, say

SHARE = 0.05
"""How much of its time a training may spend on keeping states."""


class FileCheckpoint:
    """A folder with one state: SHA-256 and safetensors in one file. What does not match its digest is not used.

    Args:
        folder: where the state is kept.
        step: name of the step that keeps it.
        part: which of the step's several trainings it is of.
    """

    def __init__(self, folder: Path, step: str, part: str = "") -> None:
        self.folder, self.step, self.part = folder, step, part
        self.path = folder / "state"
        self._due_at = 0.0

    def load(self) -> dict[str, Tensor]:
        """The state, or nothing where there is none or its file is damaged."""
        try:
            content = self.path.read_bytes()
            digest, tensors = content[:32], content[32:]
            return load(tensors) if hashlib.sha256(tensors).digest() == digest else {}
        except (OSError, SafetensorError):
            return {}

    def due(self) -> bool:
        """Whether the last state was kept long enough ago, measured by how long that took."""
        return time.monotonic() >= self._due_at

    def save(self, state: dict[str, Tensor]) -> None:
        """Replace the state."""
        began = time.monotonic()
        tensors = save({name: value.contiguous() for name, value in state.items()})
        write_atomically(self.path, hashlib.sha256(tensors).digest() + tensors)
        say(self.step, f"{self.part} epoch {int(state['epochs'])} done".strip())
        ended = time.monotonic()
        self._due_at = ended + (ended - began) / SHARE

    def at(self, name: str) -> "FileCheckpoint":
        """A folder of its own below this one."""
        return FileCheckpoint(self.folder / hashlib.sha256(name.encode()).hexdigest(), self.step, name)

    def clear(self) -> None:
        """Forget everything: the step has its result."""
        shutil.rmtree(self.folder, ignore_errors=True)
        forget(self.step)


def checkpoint_of_step() -> FileCheckpoint:
    """The checkpoint of the cached step that is running: the same for the same step with the same inputs."""
    return FileCheckpoint(paths.checkpoints() / step_key(), task_run.name)
