"""What this project has begun elsewhere and not ended: runs in MLflow and Prefect, whose process may be killed."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.artefacts import paths
from tasks.artefacts.digests import digest_of
from tasks.artefacts.whole_file import write_atomically
from tasks.process.process_identity import ProcessIdentity, this_process


class Begun(BaseModel):
    """Who began a run, in which project's folder, and a digest of where it is recorded: an address may hold secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    process: ProcessIdentity
    folder: str
    where: str


def begun_here(where: str) -> str:
    """That this process began a run, to be kept with it until it ends."""
    return Begun(process=this_process(), folder=str(Path.cwd()), where=digest_of(where)).model_dump_json()


def is_abandoned(begun: str | bytes, where: str) -> bool:
    """Whether what ``begun_here`` wrote is of a process of this project and machine that is surely no more."""
    try:
        known = Begun.model_validate_json(begun)
    except ValidationError:
        return False
    return (known.where, known.folder) == (digest_of(where), str(Path.cwd())) and known.process.is_dead()


@contextmanager
def under_way(run_id: str, where: str) -> Iterator[None]:
    """Keep on disk, for the length of a block, that a flow run is under way; an exception, as a kill, leaves it so."""
    path = paths.under_way(run_id)
    write_atomically(path, begun_here(where).encode())
    yield
    path.unlink(missing_ok=True)


def abandoned(where: str) -> list[str]:
    """The flow runs recorded there that a process of this project did not end, and surely will not."""
    left = []
    for mark in sorted(paths.under_way("").glob("[!.]*")):
        with suppress(FileNotFoundError):  # its run has just ended
            if is_abandoned(mark.read_bytes(), where):
                left.append(mark.name)
    return left


def forget(run_id: str) -> None:
    """A flow run that was abandoned has been ended."""
    paths.under_way(run_id).unlink(missing_ok=True)
